const common = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } } }],
  },
  moduleFileExtensions: ["ts", "js", "mjs", "json", "node"],
};
const suite = (displayName, testMatch) => ({ ...common, displayName, testMatch });

export default {
  projects: [
    suite("unit", ["<rootDir>/test/unit/**/*.test.ts", "<rootDir>/test/*.test.ts"]),
    suite("integration", ["<rootDir>/test/integration/**/*.test.ts"]),
    suite("simulation", ["<rootDir>/test/simulation/**/*.test.ts"]),
    suite("field-walk", ["<rootDir>/test/field-walk/**/*.test.ts"]),
    suite("conformance", ["<rootDir>/test/conformance/**/*.test.ts"]),
    suite("e2e", ["<rootDir>/test/e2e/**/*.test.ts"]),
    suite("fault", ["<rootDir>/test/fault/**/*.test.ts"]),
  ],
};
