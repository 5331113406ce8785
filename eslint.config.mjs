import jest from "eslint-plugin-jest";
import tseslint from "typescript-eslint";

/** Things that only one room may touch; each message says which, so that a finding explains itself. */
const wallClock = [
  { object: "Date", property: "now", message: "time is handed in: use a Clock (src/kit/clock.ts)" },
  { object: "Math", property: "random", message: "randomness lives in src/kit/ids.ts" },
];
const processDoors = [
  { object: "process", property: "env", message: "only src/config/env.ts reads process.env" },
  { object: "process", property: "exit", message: "only src/bin decides the exit code" },
  {
    object: "process",
    property: "stdout",
    message: "only src/bin, src/cli/output and src/sdk/log-lines.ts print",
  },
];
const only = (...restrictions) => ({ "no-restricted-properties": ["error", ...restrictions] });
const envOnly = processDoors.filter(({ property }) => property === "env");

export default tseslint.config(
  {
    ignores: [
      "dist/",
      ".flame/",
      ".cache/",
      "coverage/",
      "sdk/python/",
      // A project of its own, which its test compiles as such.
      "examples/typescript/",
      "flmrun/",
      "**/generated/**",
      // Generated too: scripts/generate-plugin-api.mjs.
      "plugin-api.d.ts",
      "test/fixtures/**",
    ],
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      // A default that says what happens to the rest covers the rest.
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      // Numbers and booleans print as themselves; objects and undefined in a template stay errors.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => cleanup()` as a void callback says what it means in one line.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Interfaces of handed-in parts are async even where one implementation has nothing to wait for.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      "no-console": "error",
      "no-control-regex": "error",
      "no-fallthrough": "error",
      "no-empty": "error",
      eqeqeq: "error",
      "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
      ...only(...wallClock, ...processDoors),
    },
  },
  { files: ["src/kit/**/*.ts"], rules: only(...processDoors) },
  {
    files: ["src/config/env.ts"],
    rules: only(...wallClock, ...processDoors.filter(({ property }) => property !== "env")),
  },
  {
    // What tasks print, printed by their client.
    files: ["src/sdk/log-lines.ts"],
    rules: {
      ...only(...wallClock, ...processDoors.filter(({ property }) => property !== "stdout")),
      "no-console": "off",
    },
  },
  {
    files: ["src/bin/**/*.ts", "src/cli/output/**/*.ts"],
    rules: { ...only(...wallClock, ...envOnly), "no-console": "off" },
  },
  {
    files: ["test/**/*.ts"],
    extends: [jest.configs["flat/recommended"]],
    rules: {
      // Helpers in test/support assert on behalf of tests.
      "jest/expect-expect": ["error", { assertFunctionNames: ["expect", "expect*", "assert*"] }],
      // Suites shared by several implementations (memory and SQLite stores) live in functions.
      "jest/no-export": "off",
      "jest/no-standalone-expect": "off",
      "jest/require-top-level-describe": "off",
      "@typescript-eslint/explicit-module-boundary-types": "off",
      // A test may look at what it knows to be there; if it is not, the test fails, as it should.
      "@typescript-eslint/no-non-null-assertion": "off",
      // A condition may look at what the other side of the test changes meanwhile.
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/no-invalid-void-type": "off",
    },
  },
  {
    files: ["**/*.mjs"],
    rules: { "max-lines": ["error", { max: 400 }], "no-undef": "off" },
  },
);
