import { serve } from "../base";
import { postgresql } from "./provider";

serve(postgresql);
