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
  // Not in the folder for temporary files: a run leaves nothing there.
  cacheDirectory: "<rootDir>/.cache/jest",
  globalTeardown: "<rootDir>/test/support/end-run.mjs",
};

/** Suites that start real programs get them built first; the others start in a second. */
const suite = (displayName, { programs = false, files = [] } = {}) => ({
  ...common,
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`, ...files],
  ...(programs && { testEnvironment: "<rootDir>/test/support/programs-environment.mjs" }),
  globalSetup: `<rootDir>/test/support/${programs ? "begin-run-with-programs" : "begin-run"}.mjs`,
});

/** What users rely on first, once more: against what scripts/install.sh lays out. */
const installed = {
  ...suite("installed", { programs: true }),
  testMatch: ["installed/*", "e2e/sum", "e2e/packages", "e2e/tools", "e2e/flmrun"].map(
    (name) => `<rootDir>/test/${name}.test.ts`,
  ),
  testEnvironment: "<rootDir>/test/support/installed-environment.mjs",
  globalSetup: "<rootDir>/test/support/begin-run-with-installed-prefix.mjs",
};

export default {
  // Two cores are what a small machine and a build server have.
  maxWorkers: 2,
  reporters: ["default", "<rootDir>/scripts/lib/jest-counts.mjs"],
  // Jest reads it here and nowhere else: a project's own is ignored. Long enough for real programs on a busy machine.
  testTimeout: 180_000,
  projects: [
    suite("unit", { files: ["<rootDir>/test/*.test.ts"] }),
    suite("fuzz"),
    suite("integration"),
    suite("simulation"),
    suite("field-walk", { programs: true }),
    suite("conformance", { programs: true }),
    suite("e2e", { programs: true }),
    suite("fault", { programs: true }),
    installed,
  ],
};
