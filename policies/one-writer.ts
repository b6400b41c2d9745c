import { TAKEOVER_KEY } from "../topology/names";
import type { Role } from "../topology/roles";
import { CONFIG_MAP, OBJECT, STACK_REFERENCE } from "./kinds";
import { nameOf, unless, type Look, type Resource } from "./look";
import type { Finding } from "./finding";
import type { Rule } from "./rule";

const theme = "one-writer" as const;
const controls = ["iso27001 A.5.29", "iso27001 A.8.14", "gdpr 32"] as const;

const ROLES = ["active", "standby", "dormant", "fenced"] as const satisfies Role[];

/** The takeover switch, where it is on. */
const takeoverOf = (look: Look): Resource<{ key?: string; content?: string }>[] =>
  look.all(OBJECT).filter(({ props }) => props.key === TAKEOVER_KEY) as Resource<{ key?: string; content?: string }>[];

export const oneRole: Rule = {
  name: "one-role",
  theme,
  description: "What a site's database, pods, guard and takeover switch say of its role is the same",
  reason: "A site that is half active is a second writer, or one that nobody is led to.",
  fix: "Set changeover:activeSite and changeover:epoch, and leave the rest to the stack.",
  controls,
  check: (look) => {
    const { site, role } = look;
    if (!site) return [];
    if (role === "dormant") {
      return look.each(look.all(CONFIG_MAP), (map) => [
        unless(false, map, "metadata.name", nameOf(map.props), "left out, or guard: without a guard a site runs nothing"),
      ]);
    }
    const epochs = look.all(CONFIG_MAP).map(({ props }) => props.data?.["EPOCH"]);
    const active = role === "active";
    return [
      ...look.each(look.all(CONFIG_MAP), (map) => [
        unless(map.props.data?.["ROLE"] === role, map, "data.ROLE", map.props.data?.["ROLE"], `${role}, as the guard is told`),
        unless(map.props.data?.["SITE"] === site.name, map, "data.SITE", map.props.data?.["SITE"], site.name),
        unless(
          map.props.data?.["EPOCH"] === epochs[0],
          map,
          "data.EPOCH",
          map.props.data?.["EPOCH"],
          `${epochs[0]}, as elsewhere in the stack`,
        ),
      ]),
      ...look.each(look.databases.live, (database) => {
        const source = database.props.replicateSourceDb;
        // A promoted one may keep the argument in what the provider last said: an empty text.
        const writes = source === undefined || source === "";
        return [
          unless(role !== "fenced", database, "identifier", database.props.identifier, "left out: a fenced site has only what it left"),
          unless(
            role === "fenced" || writes === active,
            database,
            "replicateSourceDb",
            source,
            active ? "left out: the site is active" : "the active site's database: the site is a standby",
          ),
        ];
      }),
      ...(active && look.databases.live.length !== 1
        ? [{ path: `${site.name}.databases`, is: look.databases.live.length, mayBe: "1: an active site writes to one" }]
        : []),
      ...switchFindings(look, site.name, active, epochs[0]),
    ];
  },
};

function switchFindings(look: Look, site: string, active: boolean, epoch: string | undefined): Finding[] {
  const found = takeoverOf(look);
  if (active && found.length === 0)
    return [{ path: `${site}.takeover`, is: undefined, mayBe: "on: the other sites' guards and DNS go by it" }];
  return look.each(found, (object) => {
    const { activeSite, epoch: since } = JSON.parse(object.props.content ?? "{}") as { activeSite?: string; epoch?: number };
    return [
      unless(active, object, "key", object.props.key, "left out: only an active site's switch is on"),
      unless(activeSite === site, object, "content", activeSite, site),
      unless(String(since) === epoch, object, "content", since, `${epoch}, the epoch of the stack`),
    ];
  });
}

export const replicaSource: Rule = {
  name: "replica-of-active",
  theme,
  description: "A standby's database streams from the active site's, in that site's region",
  reason:
    "A replica of a replica is left without a source by the next failover, and a replica of a database that was left falls behind for ever.",
  fix: "changeover reprotect builds a replica of the active site's database.",
  controls,
  check: (look) => {
    const { site, names, topology } = look;
    if (!site || look.role !== "standby") return [];
    const others = Object.keys(topology.sites).filter((other) => other !== site.name);
    return look.each(look.databases.live, (database) => {
      const source = database.props.replicateSourceDb;
      const from = others.find((other) => new RegExp(`^${names.site(other).databaseArns.replace("*", "\\d+")}$`).test(source ?? ""));
      const told = look.all(CONFIG_MAP).length > 0 ? activeSiteOf(look) : undefined;
      return [
        unless(from !== undefined, database, "replicateSourceDb", source, `the ARN of a database of ${others.join(" or ")}`),
        unless(
          from === undefined || told === undefined || told === from,
          database,
          "replicateSourceDb",
          source,
          `a database of ${told}, the active site`,
        ),
      ];
    });
  },
};

/** Who is active as the stack's own last update knew it. */
function activeSiteOf(look: Look): string | undefined {
  const own = look.all(STACK_REFERENCE).find(({ props }) => props.name.endsWith(`/${look.stack.environment}-${look.stack.part}`));
  const outputs = own?.props.outputs;
  const epoch = look.all(CONFIG_MAP).find(({ props }) => nameOf(props) === "guard")?.props.data?.["EPOCH"];
  // A stack that is moved on to another epoch has another active site.
  return String(outputs?.["epoch"]) === epoch ? (outputs?.["activeSite"] as string | undefined) : undefined;
}

export const epochNeverFalls: Rule = {
  name: "epoch-never-falls",
  theme,
  description: "A stack's epoch is that of its last update, or a later one",
  reason: "Old config makes a site active that was left, beside the one that is.",
  fix: "Fetch the stack's config anew; changeover status shows the epochs.",
  controls,
  check: (look) => {
    const own = look.all(STACK_REFERENCE).filter(({ props }) => props.name.endsWith(`/${look.stack.environment}-${look.stack.part}`));
    const [reached = 0] = own.map(({ props }) => Number(props.outputs["epoch"] ?? 0));
    return look.each(look.all(CONFIG_MAP), (map) => {
      const epoch = map.props.data?.["EPOCH"];
      return [unless(Number(epoch) >= reached, map, "data.EPOCH", epoch, `${reached} or more, which this stack has reached`)];
    });
  },
};

export const oneActiveSite: Rule = {
  name: "one-active-site",
  theme,
  description: "Exactly one site is active in the latest epoch",
  reason: "Two active sites take writes that nobody can put together again; none takes any.",
  fix: "changeover status says who is active; a site that was left is fenced by changeover reprotect.",
  controls,
  check: (look) => {
    if (look.stack.part !== "edge") return [];
    const sites = Object.keys(look.topology.sites).flatMap((site) => {
      const found = look.all(STACK_REFERENCE).find(({ props }) => props.name.endsWith(`/${look.stack.environment}-${site}`));
      return found ? [{ site, outputs: found.props.outputs }] : [];
    });
    const latest = Math.max(0, ...sites.map(({ outputs }) => Number(outputs["epoch"] ?? 0)));
    // A site that was lost cannot say that it is active no more: an earlier epoch says it.
    const active = sites.filter(({ outputs }) => outputs["role"] === "active" && outputs["epoch"] === latest).map(({ site }) => site);
    const strange = sites.filter(({ outputs }) => outputs["role"] !== undefined && !ROLES.some((role) => role === outputs["role"]));
    return [
      ...(active.length === 1 || latest === 0 ? [] : [{ path: "sites.role", is: active, mayBe: `active at one site in epoch ${latest}` }]),
      ...strange.map(({ site, outputs }) => ({ path: `${site}.role`, is: outputs["role"], mayBe: ROLES.join(", ") })),
    ];
  },
};
