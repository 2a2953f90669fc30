import { said } from "hqwebapp/js/page";

said("users");
