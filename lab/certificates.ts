import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";

export interface Certificate {
  /** PEM text. */
  cert: string;
  key: string;
  /** The same, as files. */
  certFile: string;
  keyFile: string;
}

export interface CertificateRequest {
  commonName: string;
  /** Kubernetes reads a user's groups here. */
  organization?: string;
  dnsNames?: string[];
  addresses?: string[];
  usage?: "server" | "client" | "both";
}

/** The lab's own certificate authority. Its files live in `<folder>/certificates`. */
export class CertificateAuthority {
  private constructor(
    private readonly folder: string,
    private readonly ca: { cert: string; key: string },
  ) {}

  static async open(labFolder: string): Promise<CertificateAuthority> {
    const folder = join(labFolder, "certificates");
    mkdirSync(folder, { recursive: true });
    const certFile = join(folder, "ca.pem");
    const keyFile = join(folder, "ca.key");
    if (existsSync(certFile) && existsSync(keyFile)) {
      return new CertificateAuthority(folder, { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") });
    }
    const made = await generate([{ name: "commonName", value: "Changeover lab" }], {
      keyType: "ec",
      algorithm: "sha256",
      notAfterDate: inDays(30),
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
      ],
    });
    writeFileSync(certFile, made.cert);
    writeFileSync(keyFile, made.private, { mode: 0o600 });
    return new CertificateAuthority(folder, { cert: made.cert, key: made.private });
  }

  /** File with the authority's own certificate, for `sslrootcert`, `NODE_EXTRA_CA_CERTS` and the like. */
  get caFile(): string {
    return join(this.folder, "ca.pem");
  }

  get caCert(): string {
    return this.ca.cert;
  }

  /** A certificate under the authority; made once for each name. */
  async issue(name: string, request: CertificateRequest): Promise<Certificate> {
    const certFile = join(this.folder, `${name}.pem`);
    const keyFile = join(this.folder, `${name}.key`);
    if (!existsSync(certFile)) {
      const usage = request.usage ?? "server";
      const made = await generate(
        [
          { name: "commonName", value: request.commonName },
          ...(request.organization === undefined ? [] : [{ name: "organizationName", value: request.organization }]),
        ],
        {
          keyType: "ec",
          algorithm: "sha256",
          notAfterDate: inDays(30),
          ca: { cert: this.ca.cert, key: this.ca.key },
          extensions: [
            { name: "basicConstraints", cA: false },
            { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
            { name: "extKeyUsage", serverAuth: usage !== "client", clientAuth: usage !== "server" },
            {
              name: "subjectAltName",
              altNames: [
                ...(request.dnsNames ?? []).map((value) => ({ type: 2 as const, value })),
                ...(request.addresses ?? []).map((ip) => ({ type: 7 as const, ip })),
              ],
            },
          ],
        },
      );
      writeFileSync(keyFile, made.private, { mode: 0o600 });
      writeFileSync(certFile, made.cert);
    }
    return { certFile, keyFile, cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
  }
}

function inDays(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}
