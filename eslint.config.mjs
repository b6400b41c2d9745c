import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Imports that cross a border. Regular expressions, because the depth of `../` differs. */
const folder = (names) => `^(\\.\\.?/)+(?:[^/]+/)*(?:${names})(/|$)`;
const LAZY_LAB =
  ":matches(ImportExpression > Literal, CallExpression[callee.name='require'] > Literal)[value=/^(\\.{1,2}\\u002F)+(lab|test|bench)(\\u002F|$)/]";
const border = (...rules) => ({
  "no-restricted-syntax": ["error", { selector: LAZY_LAB, message: "The product never imports the lab, tests or measurements." }],
  "no-restricted-imports": ["error", { patterns: rules.map(([regex, message]) => ({ regex, message })) }],
});

const LAB = [folder("lab|test|bench"), "The product never imports the lab, tests or measurements."];
const PULUMI = ["^@pulumi/", "Decisions know no Pulumi: the domain is plain data."];
/** Hashes and paths are arithmetic. */
const IO = ["^node:(?!(assert|crypto|path|util)$)", "Decisions do no I/O."];
const SYSTEMS = ["^(@aws-sdk/|@kubernetes/|pg$|undici$)", "Decisions talk to no system."];
const AUTOMATION = [folder("automation|setup"), "Components and stacks are run by the driver; they do not know it."];
const APART = [
  folder("automation|setup|stacks|components|policies"),
  "The guard runs by itself: what it has to know, its environment says.",
];

export default defineConfig(
  globalIgnores(["node_modules/", ".lab/", "drill-*/", "coverage/"]),
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-control-regex": "error",
      "prefer-template": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports", disallowTypeAnnotations: false }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // A number in a message prints as one expects.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // An interface's method may answer at once where another implementation waits.
      "@typescript-eslint/require-await": "off",
      // noPropertyAccessFromIndexSignature is off: either form, by taste of the place.
      "@typescript-eslint/dot-notation": "off",
      "@typescript-eslint/unified-signatures": "off",
      // Asks for `!`, which no-non-null-assertion forbids.
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
    },
  },
  {
    files: ["topology/**/*.ts"],
    rules: border(LAB, PULUMI, IO, SYSTEMS, [
      folder("stacks|components|automation|setup|policies"),
      "The domain imports nothing of the project but itself.",
    ]),
  },
  {
    files: ["components/**/*.ts"],
    rules: border(LAB, AUTOMATION, SYSTEMS, IO, [folder("stacks|policies"), "A component knows nothing of the stacks that use it."]),
  },
  { files: ["stacks/**/*.ts"], rules: border(LAB, AUTOMATION, SYSTEMS) },
  { files: ["policies/**/*.ts"], rules: border(LAB, AUTOMATION, SYSTEMS) },
  { files: ["guard/**/*.ts"], rules: border(LAB, PULUMI, APART) },
  { files: ["guard/decide.ts"], rules: border(LAB, PULUMI, APART, IO, SYSTEMS) },
  { files: ["automation/**/*.ts", "setup/**/*.ts", "*.ts"], rules: border(LAB) },
  {
    files: ["automation/**/*.ts"],
    ignores: ["automation/pulumi/**"],
    rules: border(LAB, ["^@pulumi/", "automation/pulumi/ alone talks to Pulumi."]),
  },
  {
    files: ["setup/**/*.ts"],
    rules: border(LAB, [folder("automation|stacks|components|policies"), "Set-up comes before everything else."]),
  },
  {
    // What Pulumi's mocks are given and what JSON answers hold is `any`; an assertion says what it must be.
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["**/*.mjs"],
    rules: { eqeqeq: "error", "no-undef": "off", "no-unused-vars": "error", "prefer-const": "error" },
  },
);
