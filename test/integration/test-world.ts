import { world, type Endpoint, type World } from "../../lab/world";

/** The lab's world, moved into a corner of 127.30/16 so that a lab on the same machine is not disturbed. */
export function testWorld(): World {
  const real = world(false);
  const move = ({ host, port }: Endpoint): Endpoint => {
    const [, b = 0, c = 0, d = 0] = host.split(".").map(Number);
    return { host: `127.30.${200 + (b % 40) + c}.${d}`, port };
  };
  return {
    ...real,
    control: move(real.control),
    aws: move(real.aws),
    moto: move(real.moto),
    dns: move(real.dns),
    region: (name) => {
      const region = real.region(name);
      return {
        ...region,
        aws: move(region.aws),
        awsTls: move(region.awsTls),
        kubernetes: move(region.kubernetes),
        etcd: move(region.etcd),
        balancer: (n) => move(region.balancer(n)),
        database: (n) => move(region.database(n)),
        pod: (n) => move(region.pod(n)),
      };
    },
  };
}
