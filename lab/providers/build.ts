import { build } from "esbuild";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The stand-ins, with the version of the official plugin that each answers for. */
export const STAND_INS = { aws: "7.48.0", kubernetes: "4.34.2", postgresql: "3.18.1" } as const;
export type StandIn = keyof typeof STAND_INS;

/**
 * Bundles stand-ins into `<out>/<name>/`: the executable `pulumi-resource-<name>` and its code. Imports made at run time (API clients) become
 * files of their own, so that a plugin loads only what it uses.
 */
export async function buildStandIns(out: string, names: StandIn[] = Object.keys(STAND_INS) as StandIn[]): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const folder = join(out, name);
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      await build({
        entryPoints: { plugin: entryOf(name) },
        outdir: folder,
        bundle: true,
        splitting: true,
        format: "esm",
        platform: "node",
        target: "node20",
        mainFields: ["module", "main"],
        outExtension: { ".js": ".mjs" },
        // CommonJS packages in a bundle of ES modules call `require` for what Node has built in.
        banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
        minifySyntax: true,
        minifyWhitespace: true,
        legalComments: "none",
        logLevel: "error",
      });
      const executable = join(folder, `pulumi-resource-${name}`);
      writeFileSync(executable, `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} "\${0%/*}/plugin.mjs" "$@"\n`);
      chmodSync(executable, 0o755);
    }),
  );
}

export function entryOf(name: StandIn): string {
  return join(__dirname, name, "plugin.ts");
}

/** Whether the stand-in's source is there. */
export function hasStandIn(name: StandIn): boolean {
  return existsSync(entryOf(name));
}
