import { defineConfig } from "vitest/config";

/** The SDK's versions are pinned: which Node later ones want is noise here. */
const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" };

/** Unit tests need nothing but the node packages. Integration tests share one lab, so they run one file after another, in one process. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000, env } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          pool: "forks",
          poolOptions: { forks: { singleFork: true } },
          env,
          testTimeout: 300_000,
          hookTimeout: 900_000,
        },
      },
    ],
    passWithNoTests: true,
  },
});
