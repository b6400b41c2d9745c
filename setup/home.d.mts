/** The cache folder: everything downloaded or built is in it. `$CHANGEOVER_HOME`, or `~/.changeover`. Absolute. */
export function changeoverHome(): string;
