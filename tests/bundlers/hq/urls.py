from django.shortcuts import render
from django.urls import path

urlpatterns = [
    path("", lambda request: render(request, "cases/list.html")),
    path("users/", lambda request: render(request, "users/list.html")),
]
