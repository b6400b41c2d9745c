import { serve } from "../base";
import { kubernetes } from "./provider";

serve(kubernetes);
