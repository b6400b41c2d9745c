/** Why `npm ci` has to run in the checkout, or `undefined` where node_modules is as package-lock.json says. */
export function stalePackages(root: string): string | undefined;

/** Runs `npm ci` where it has to. Its cache is `<home>/npm`; its output is shown only when it fails. */
export function ensureNodePackages(root: string): Promise<void>;
