"""The programs that a phase starts: each is traced, and not run where what it would make is known.

started takes the place of subprocess's own start; answered is one start; standing is what it meets in the static root;
hashed keeps what that has hashed; passing_on hears what it prints; remade is what starts left.

Whoever starts a program notices nothing. A program whose effects cannot all be given back runs each time.
"""
