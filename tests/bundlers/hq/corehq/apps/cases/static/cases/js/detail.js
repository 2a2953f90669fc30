import { said } from "hqwebapp/js/page";

said("one case");
