import { join, resolve } from "node:path";

/** The checkout that this lab belongs to. */
export const ROOT = resolve(__dirname, "..");

/** Where the lab keeps everything: CHANGEOVER_LAB, or `.lab` in the checkout. */
export function labFolder(): string {
  return resolve(process.env["CHANGEOVER_LAB"] ?? join(ROOT, ".lab"));
}

/** Files of the lab that other programs are pointed at. */
export function labFiles(folder: string) {
  return {
    /** How this lab was set up; written by `lab up`. */
    description: join(folder, "lab.json"),
    log: join(folder, "lab.log"),
    passphrase: join(folder, "passphrase"),
    kubeconfig: join(folder, "kubeconfig"),
    pgService: join(folder, "pg_service.conf"),
    pgPass: join(folder, "pgpass"),
    state: join(folder, "state"),
    journals: join(folder, "journals"),
    programs: { service: join(folder, "service.cjs"), guard: join(folder, "guard.cjs") },
    ledger: join(folder, "clients", "ledger.jsonl"),
  };
}
