const common = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          target: "es2022",
          parser: { syntax: "typescript" },
          // JSON is imported with its attribute, which the runtime wants to see.
          experimental: { keepImportAttributes: true },
        },
      },
    ],
  },
  moduleFileExtensions: ["ts", "js", "mjs", "json", "node"],
  modulePathIgnorePatterns: ["<rootDir>/.flame/", "<rootDir>/.cache/", "<rootDir>/dist/"],
  globalTeardown: "<rootDir>/test/support/end-run.mjs",
};

/** Suites that start real programs get them built first; the others start in a second. */
const suite = (displayName, { timeoutMs, programs = false, files = [] }) => ({
  ...common,
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`, ...files],
  testTimeout: timeoutMs,
  ...(programs && { testEnvironment: "<rootDir>/test/support/programs-environment.mjs" }),
  globalSetup: `<rootDir>/test/support/${programs ? "begin-run-with-programs" : "begin-run"}.mjs`,
});

export default {
  // Two cores are what a small machine and a build server have.
  maxWorkers: 2,
  projects: [
    suite("unit", { timeoutMs: 10_000, files: ["<rootDir>/test/*.test.ts"] }),
    suite("integration", { timeoutMs: 60_000 }),
    suite("simulation", { timeoutMs: 300_000 }),
    suite("field-walk", { timeoutMs: 120_000, programs: true }),
    suite("conformance", { timeoutMs: 120_000, programs: true }),
    suite("e2e", { timeoutMs: 180_000, programs: true }),
    suite("fault", { timeoutMs: 180_000, programs: true }),
  ],
};
