import { defineConfig } from "vitest/config";

/** Unit tests need nothing but the node packages. Integration tests share one lab, so they run one file after another, in one process. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000 } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          pool: "forks",
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 300_000,
          hookTimeout: 900_000,
        },
      },
    ],
    passWithNoTests: true,
  },
});
