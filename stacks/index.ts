/* eslint-disable @typescript-eslint/no-require-imports -- this file comes before the loader that could take an import */
// Newer language hosts have tsx loaded already, as Pulumi.yaml asks; older ones ignore that and compile this one file by
// themselves. From here on it is tsx either way: no type-checking in an incident (npm test does it).
require("tsx/cjs");
export = (require("./main") as { main: () => Promise<object> }).main;
