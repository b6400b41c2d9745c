import { serve } from "../base";
import { provider } from "./provider";

serve(provider);
