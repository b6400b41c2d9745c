/** In the user agent of every request, for whoever reads the access logs of a switch bucket. */
export const GUARD_AGENT = "changeover-guard";
