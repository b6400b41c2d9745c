import { defineConfig } from "vitest/config";

/** The SDK's versions are pinned: which Node later ones want is noise here. Texts are compared without colours, whatever CI asks of its output. */
const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", FORCE_COLOR: "0" };

/** Tests of a lab that is broken on purpose, again and again: a project of its own, as they take longer than all others. */
const crash = ["test/integration/crash.test.ts", "test/integration/faults.test.ts"];
/** They share one lab, so they run one file after another, in one process. */
const inOrder = {
  pool: "forks" as const,
  poolOptions: { forks: { singleFork: true } },
  setupFiles: ["test/integration/own-environment.ts"],
  env,
  hookTimeout: 900_000,
};

/** Unit tests need nothing but the node packages; the others need the lab. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000, env } },
      { test: { name: "integration", include: ["test/integration/**/*.test.ts"], exclude: crash, ...inOrder, testTimeout: 600_000 } },
      // A machine that stalls for seconds fails one of these now and then; what is wrong fails twice.
      { test: { name: "crash", include: crash, ...inOrder, testTimeout: 600_000, retry: 1 } },
    ],
    passWithNoTests: true,
  },
});
