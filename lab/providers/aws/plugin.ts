import { serve } from "../base";
import { provider } from "./provider";

// The engine shows what a plugin writes to stderr; the Node of the lab is the project's matter, not the SDK's.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

serve(provider);
