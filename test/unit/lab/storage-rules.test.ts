import { describe, expect, it } from "vitest";
import { Queue } from "../../../lab/storage/queue";
import { parseRules, parseTransitions, rulesFor } from "../../../lab/storage/rules";

const xml = (rules: string): string =>
  `<ReplicationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Role>r</Role>${rules}</ReplicationConfiguration>`;
const rule = (filter: string, priority: number, markers: string, to: string, status = "Enabled"): string =>
  `<Rule><ID>r${priority}</ID><Status>${status}</Status><Priority>${priority}</Priority><Filter>${filter}</Filter>` +
  `<DeleteMarkerReplication><Status>${markers}</Status></DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::${to}</Bucket></Destination></Rule>`;

describe("replication rules", () => {
  const none = { kind: "object", tags: {} } as const;
  const destinations = (text: string, key: string, change: Parameters<typeof rulesFor>[2] = none): string[] =>
    rulesFor(parseRules(text), key, change).map(({ id, destination }) => `${id}:${destination}`);

  it("match by prefix and tags", () => {
    const text = xml(
      rule("<Prefix>img/</Prefix>", 1, "Disabled", "a") +
        rule("<And><Prefix>img/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And>", 2, "Disabled", "b"),
    );
    expect(destinations(text, "img/1")).toEqual(["r1:a"]);
    expect(destinations(text, "img/1", { kind: "object", tags: { k: "v" } })).toEqual(["r1:a", "r2:b"]);
    expect(destinations(text, "doc/1")).toEqual([]);
  });

  it("yield to the higher priority for the same destination, and to being disabled", () => {
    expect(destinations(xml(rule("<Prefix/>", 1, "Enabled", "a") + rule("", 2, "Disabled", "a")), "k")).toEqual(["r2:a"]);
    expect(destinations(xml(rule("", 1, "Enabled", "a", "Disabled")), "k")).toEqual([]);
  });

  it("replicate delete markers when told to, or in the older schema", () => {
    const marker = { kind: "marker" } as const;
    expect(destinations(xml(rule("", 1, "Enabled", "a") + rule("", 2, "Disabled", "b")), "k", marker)).toEqual(["r1:a"]);
    const old = "<Rule><Prefix>x</Prefix><Status>Enabled</Status><Destination><Bucket>arn:aws:s3:::a</Bucket></Destination></Rule>";
    expect(destinations(xml(old), "xy", marker)).toEqual(["rule-1:a"]);
  });
});

it("reads lifecycle transitions", () => {
  const text =
    "<LifecycleConfiguration><Rule><ID>archive</ID><Status>Enabled</Status><Filter/><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>" +
    "<NoncurrentVersionTransition><NoncurrentDays>30</NoncurrentDays><StorageClass>DEEP_ARCHIVE</StorageClass></NoncurrentVersionTransition></Rule></LifecycleConfiguration>";
  const rule = { rule: "archive", enabled: true, prefix: "", minimumBytes: 131_072 };
  expect(parseTransitions(text)).toEqual([
    { ...rule, storageClass: "GLACIER", days: 1, noncurrent: false },
    { ...rule, storageClass: "DEEP_ARCHIVE", days: 30, noncurrent: true },
  ]);
  expect(parseTransitions(text, "varies_by_storage_class")[0]?.minimumBytes).toBe(0);
  const filtered = (filter: string) => text.replace("<Filter/>", `<Filter>${filter}</Filter>`);
  expect(parseTransitions(filtered("<And><Prefix>img/</Prefix><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan></And>"))[0]).toMatchObject({
    prefix: "img/",
    minimumBytes: 11,
  });
  expect(() => parseTransitions(filtered("<Tag><Key>k</Key><Value>v</Value></Tag>"))).toThrow("lifecycle rule archive");
});

describe("queue", () => {
  const idle = async (queue: Queue<string>): Promise<void> => {
    for (let i = 0; i < 400 && queue.status.pending > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  it("keeps the order of a key through failures, and lets other keys pass", async () => {
    const ran: string[] = [];
    let failures = 2;
    const queue = new Queue<string>({
      orderOf: (task) => task.slice(0, 1),
      ready: () => Promise.resolve(true),
      run: (task) => {
        if (task === "a1" && failures-- > 0) return Promise.reject(new Error("busy"));
        ran.push(task);
        return Promise.resolve();
      },
      failed: () => undefined,
    });
    for (const task of ["a1", "a2", "b1"]) queue.add(task);
    await idle(queue);
    expect(ran).toEqual(["b1", "a1", "a2"]);
    expect(queue.status).toMatchObject({ pending: 0, copied: 3, failed: 0 });
  });

  it("gives up in the end", async () => {
    const given: string[] = [];
    const queue = new Queue<string>({
      orderOf: () => "",
      ready: () => Promise.resolve(true),
      run: (task) => (task === "bad" ? Promise.reject(new Error("never")) : Promise.resolve()),
      failed: (task) => given.push(task),
    });
    queue.add("bad");
    queue.add("good");
    await idle(queue);
    expect(given).toEqual(["bad"]);
    expect(queue.status).toMatchObject({ pending: 0, copied: 1, failed: 1 });
  });

  it("waits for what is not ready until it is woken", async () => {
    let ready = false;
    const queue = new Queue<string>({
      orderOf: (task) => task,
      ready: () => Promise.resolve(ready),
      run: () => Promise.resolve(),
      failed: () => undefined,
    });
    queue.add("a");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(queue.status).toMatchObject({ pending: 1, copied: 0 });
    ready = true;
    queue.wake();
    await idle(queue);
    expect(queue.status).toMatchObject({ pending: 0, copied: 1 });
  });
});
