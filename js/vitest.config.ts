import { defineConfig } from "vitest/config"

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: {
    maxWorkers: 2,
    restoreMocks: true,
    // A DOM takes seconds to load for each file; logic does without.
    projects: [
      {
        extends: true,
        test: { name: "logic", environment: "node", include: ["tests/**/*.test.ts"] },
      },
      {
        extends: true,
        test: {
          name: "views",
          environment: "happy-dom",
          include: ["tests/**/*.test.tsx"],
        },
      },
    ],
  },
})
