/** A subnet as plain data, before anything is made of it. */
export interface SubnetPlan {
  /** Last letter of the availability zone: `a`, `b`, `c`. */
  zone: string;
  /** `public` holds the load balancer, `private` the database and whatever nodes of the site's cluster join the network. */
  kind: "public" | "private";
  cidr: string;
}

const ZONES = ["a", "b", "c"];

/**
 * Cuts a site's range into sixteen parts and gives the first three to the public subnets and the first three of the
 * second half to the private ones. A zone's letter is enough: every region of a topology has a, b and c, and looking
 * them up would be a call to a region that may be gone.
 * @param cidr IPv4 range of 16 to 24 bits, as the topology's schema has it
 */
export function planSubnets(cidr: string): SubnetPlan[] {
  const [address = "", bits = ""] = cidr.split("/");
  const prefix = Number(bits);
  const size = 2 ** (32 - prefix);
  const base = Math.floor(toNumber(address) / size) * size;
  const part = size / 16;
  const cut = (index: number): string => `${toAddress(base + index * part)}/${prefix + 4}`;
  return [
    ...ZONES.map((zone, i) => ({ zone, kind: "public" as const, cidr: cut(i) })),
    ...ZONES.map((zone, i) => ({ zone, kind: "private" as const, cidr: cut(8 + i) })),
  ];
}

function toNumber(address: string): number {
  return address.split(".").reduce((n, part) => n * 256 + Number(part), 0);
}

function toAddress(n: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join(".");
}
