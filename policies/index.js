// What the Pulumi CLI starts for each stack, to be told a port. Where one pack serves them all already, that is named again.
const served = process.env.CHANGEOVER_POLICIES_AT;
if (served !== undefined) {
  console.log(served);
} else {
  void import("../setup/lazy.mjs").then(({ loadLazily }) => {
    loadLazily();
    // Hosts that would compile TypeScript themselves type-check it at each start; tsx does not (npm test does).
    require("tsx/cjs");
    require("./pack");
  });
}

// As long as who started it, which may be killed before it can end this one.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(), 1_000);
