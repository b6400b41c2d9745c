// What the Pulumi CLI starts. Hosts that would compile TypeScript themselves type-check it at each start; tsx does not (npm test does).
require("tsx/cjs");
require("./pack");
