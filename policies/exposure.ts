import { BUCKET_POLICY, INGRESS, INSTANCE, ROLE, ROLE_POLICY, SECURITY_GROUP } from "./kinds";
import { TAKEOVER_KEY } from "../topology/names";
import { list, statementsOf, unless, type Look, type Resource, type Statement } from "./look";
import type { Rule } from "./rule";

const theme = "exposure" as const;

export const databasePrivate: Rule = {
  name: "database-private",
  theme,
  description: "Databases have no public address, and take connections from their site's network alone",
  reason: "A database that the world can reach is one password away from everybody.",
  fix: "Leave the security group to the Network component.",
  controls: ["pci_dss 1.4", "gdpr 32"],
  check: (look) => {
    const { site } = look;
    if (!site) return [];
    const named = (name: string) => look.all(SECURITY_GROUP).filter(({ props }) => props.name === name);
    const ofDatabase = named(site.names.databaseSecurityGroup);
    const among = (groups: typeof ofDatabase, from: Resource, property: string): boolean =>
      groups.some((group) => look.leadsTo(from, property, group));
    return [
      ...(ofDatabase.length === 1
        ? []
        : [{ path: "network.database", is: ofDatabase.length, mayBe: `one security group, ${site.names.databaseSecurityGroup}` }]),
      ...look.each(look.all(INSTANCE), (database) => [
        unless(database.props.publiclyAccessible !== true, database, "publiclyAccessible", database.props.publiclyAccessible, "false"),
        unless(
          among(ofDatabase, database as Resource, "vpcSecurityGroupIds"),
          database,
          "vpcSecurityGroupIds",
          undefined,
          `${site.names.databaseSecurityGroup} alone`,
        ),
      ]),
      // What the provider read back has the rules in the group as well.
      ...look.each(ofDatabase, (group) =>
        (group.props.ingress ?? []).flatMap(({ cidrBlocks, ipv6CidrBlocks }, i) =>
          [...(cidrBlocks ?? []), ...(ipv6CidrBlocks ?? [])].map((range) =>
            unless(range === site.definition.network, group, `ingress.${i}.cidrBlocks`, range, site.definition.network),
          ),
        ),
      ),
      ...look.each(look.all(INGRESS), (rule) => {
        const { props } = rule;
        if (!among(ofDatabase, rule, "securityGroupId")) {
          // Of the load balancer: the one door to the world.
          return [
            unless(
              props.fromPort === 443 && props.toPort === 443,
              rule,
              "fromPort",
              `${props.fromPort} to ${props.toPort}`,
              "443 to 443, or a rule of the database's group",
            ),
          ];
        }
        return [
          unless(
            props.cidrIpv4 === site.definition.network && props.cidrIpv6 === undefined,
            rule,
            "cidrIpv4",
            props.cidrIpv6 ?? props.cidrIpv4,
            site.definition.network,
          ),
          unless(
            props.fromPort === 5432 && props.toPort === 5432,
            rule,
            "fromPort",
            `${props.fromPort} to ${props.toPort}`,
            "5432 to 5432",
          ),
        ];
      }),
    ];
  },
};

/** Actions that may be had on every resource: IAM knows no narrower one for them, or they only look. */
const LOOKS = /^(tag:GetResources|[a-z0-9]+:(Describe|Get|List)[A-Za-z]*\*?|cloudwatch:PutMetricData)$/;

/** Actions that are given with a condition alone, by the key that it is on. */
const BOUND: Record<string, RegExp> = {
  "rds:DeleteDBInstance": /aws:ResourceTag/,
  "cloudwatch:PutMetricData": /cloudwatch:namespace/,
  "kms:CreateGrant": /kms:GrantIsForAWSResource|kms:ResourceAliases/,
};

const conditionKeys = (condition: Statement["condition"]): string[] => Object.values(condition).flatMap((one) => Object.keys(one));

export const noWildcards: Rule = {
  name: "no-wildcard-admin",
  theme,
  description: "No role may do everything, nor change everything",
  reason: "A role that may do everything is what an intruder looks for.",
  fix: "Name the actions, and the resources that they are for.",
  controls: ["pci_dss 7.2", "gdpr 32"],
  check: (look) =>
    look.each(look.all(ROLE_POLICY), (policy) =>
      statementsOf(policy.props.policy)
        .filter(({ allows }) => allows)
        .flatMap(({ sid, actions, resources, condition }) => [
          ...actions.map((action) =>
            unless(!/^(\*|[a-z0-9-]+:\*)$/.test(action), policy, `policy.${sid}.Action`, action, "actions by name"),
          ),
          unless(
            !resources.includes("*") || actions.every((action) => LOOKS.test(action)),
            policy,
            `policy.${sid}.Resource`,
            "*",
            "resources by name, where an action changes something",
          ),
          ...actions.flatMap((action) => {
            const needed = BOUND[action];
            return needed
              ? [
                  unless(
                    conditionKeys(condition).some((key) => needed.test(key)),
                    policy,
                    `policy.${sid}.Condition`,
                    undefined,
                    `bound by ${needed.source}, for ${action}`,
                  ),
                ]
              : [];
          }),
          unless(
            !resources.some((resource) => resource.endsWith(":key/*")) || conditionKeys(condition).includes("kms:ResourceAliases"),
            policy,
            `policy.${sid}.Condition`,
            undefined,
            "bound to keys by their alias, in kms:ResourceAliases",
          ),
        ]),
    ),
};

export const operatorsMfa: Rule = {
  name: "operators-mfa",
  theme,
  description: "People take a role on with a second factor, for an hour at most",
  reason: "Who moves the service can stop it.",
  fix: "Leave the role to the Access component.",
  controls: ["pci_dss 8.4", "gdpr 32"],
  config: { maxSessionSeconds: { type: "integer", minimum: 3600, maximum: 43200, default: 3600 } },
  check: (look) => {
    const most = look.option("maxSessionSeconds", 3600);
    return look.each(look.all(ROLE), (role) => {
      const forPeople = statementsOf(role.props.assumeRolePolicy).filter(({ allows, principal }) => allows && isPeople(principal));
      return forPeople.flatMap(({ sid, condition }) => [
        unless(
          condition["Bool"]?.["aws:MultiFactorAuthPresent"] === "true",
          role,
          `assumeRolePolicy.${sid}.Condition`,
          "no second factor",
          'Bool aws:MultiFactorAuthPresent "true"',
        ),
        unless(
          Number(condition["NumericLessThan"]?.["aws:MultiFactorAuthAge"] ?? Infinity) <= most,
          role,
          `assumeRolePolicy.${sid}.Condition`,
          condition["NumericLessThan"]?.["aws:MultiFactorAuthAge"],
          `NumericLessThan aws:MultiFactorAuthAge ${most}`,
        ),
        unless(
          (role.props.maxSessionDuration ?? Infinity) <= most,
          role,
          "maxSessionDuration",
          role.props.maxSessionDuration,
          `${most} or less`,
        ),
      ]);
    });
  },
};

/** An account, or people of one; services of AWS come by themselves. */
function isPeople(principal: unknown): boolean {
  return principal === "*" || (typeof principal === "object" && principal !== null && "AWS" in principal);
}

/** What the roles that services of AWS or pods take on may do. */
const MAY = {
  replication:
    /^(s3:(GetReplicationConfiguration|ListBucket|GetObjectVersion(ForReplication|Acl|Tagging)|GetObject(Retention|LegalHold)|Replicate(Object|Delete|Tags))|kms:(Decrypt|Encrypt|GenerateDataKey))$/,
  backup:
    /^(tag:GetResources|rds:(Describe(DBInstances|DBSnapshots)|ListTagsForResource|(Create|Copy|Delete)DBSnapshot|AddTagsToResource)|backup:(DescribeBackupVault|CopyIntoBackupVault)|kms:(DescribeKey|Decrypt|Encrypt|GenerateDataKey|CreateGrant))$/,
  guard: /^s3:(GetObject|ListBucket|DeleteObject)$/,
};

/** The role that a policy belongs to, by what it is for; `undefined`: none that the topology knows. */
function roleOf(look: Look, policy: Resource): "replication" | "backup" | "guard" | "operator" | undefined {
  const { site, names } = look;
  const role = look.all(ROLE).find((one) => look.leadsTo(policy, "role", one as Resource, () => [one.props.name]))?.props.name;
  if (role === names.operatorRole) return "operator";
  if (role === site?.names.replicationRole) return "replication";
  if (role === site?.names.backupRole) return "backup";
  return role === site?.names.guardRole ? "guard" : undefined;
}

export const leastPrivilege: Rule = {
  name: "least-privilege",
  theme,
  description: "The roles that copy objects, take backups, and guard may do that and no more",
  reason: "They are taken on by services that run day and night, at the sites that hold the copies.",
  fix: "Leave the role to its component: ReplicationRole, BackupRole, GuardRole.",
  controls: ["pci_dss 7.2", "gdpr 32"],
  check: (look) =>
    look.each(look.all(ROLE_POLICY), (policy) => {
      const role = roleOf(look, policy);
      if (role === undefined) return [unless(false, policy, "role", policy.props.role, "a role that the topology names")];
      if (role === "operator") return [];
      return statementsOf(policy.props.policy)
        .filter(({ allows }) => allows)
        .flatMap(({ sid, actions, resources, condition }) => [
          ...actions.map((action) =>
            unless(MAY[role].test(action), policy, `policy.${sid}.Action`, action, `an action that ${role} needs`),
          ),
          unless(
            !resources.includes("*") || actions.join() === "tag:GetResources",
            policy,
            `policy.${sid}.Resource`,
            "*",
            "resources by name",
          ),
          unless(
            role !== "backup" || !actions.includes("kms:CreateGrant") || condition["Bool"]?.["kms:GrantIsForAWSResource"] === "true",
            policy,
            `policy.${sid}.Condition`,
            undefined,
            'Bool kms:GrantIsForAWSResource "true"',
          ),
          unless(
            !actions.includes("s3:DeleteObject") || resources.every((resource) => resource.endsWith(`/${TAKEOVER_KEY}`)),
            policy,
            `policy.${sid}.Resource`,
            resources,
            "the takeover switch alone",
          ),
        ]);
    }),
};

/** Services that take a role of ours on, and whether AWS tells them apart by the account that they act for. */
const SERVICES: Record<string, boolean> = { "s3.amazonaws.com": true, "backup.amazonaws.com": true, "pods.eks.amazonaws.com": false };

export const trusted: Rule = {
  name: "roles-trusted",
  theme,
  description: "A role is taken on by people of the account, or by the one service that it is for, on the account's own behalf",
  reason: "A service that acts for somebody else's account would copy with this one's rights.",
  fix: "Name the service, and the account in aws:SourceAccount.",
  controls: ["pci_dss 7.2", "gdpr 32"],
  check: (look) =>
    look.each(look.all(ROLE), (role) =>
      statementsOf(role.props.assumeRolePolicy)
        .filter(({ allows }) => allows)
        .flatMap(({ sid, actions, principal, condition }) => {
          const { Service: service, AWS: account } = (typeof principal === "object" ? principal : {}) as { Service?: string; AWS?: string };
          const own = account === `arn:aws:iam::${look.topology.account}:root`;
          const needsAccount = SERVICES[service ?? ""];
          return [
            unless(
              own || needsAccount !== undefined,
              role,
              `assumeRolePolicy.${sid}.Principal`,
              principal,
              `the account, or ${Object.keys(SERVICES).join(", ")}`,
            ),
            unless(
              needsAccount !== true || condition["StringEquals"]?.["aws:SourceAccount"] === look.topology.account,
              role,
              `assumeRolePolicy.${sid}.Condition`,
              undefined,
              `StringEquals aws:SourceAccount ${look.topology.account}`,
            ),
            ...actions.map((action) =>
              unless(
                ["sts:AssumeRole", "sts:TagSession"].includes(action),
                role,
                `assumeRolePolicy.${sid}.Action`,
                action,
                "sts:AssumeRole",
              ),
            ),
          ];
        }),
    ),
};

export const bucketsNotPublic: Rule = {
  name: "buckets-not-public",
  theme,
  description:
    "A bucket's policy lets in whom it names: health checkers by their addresses, guards by their roles, services by their trail",
  reason: "A policy that allows everybody publishes what is in the bucket.",
  fix: "Name the principal, or bind it with a condition.",
  controls: ["pci_dss 7.2", "gdpr 32"],
  check: (look) =>
    look.each(look.all(BUCKET_POLICY), (policy) =>
      statementsOf(policy.props.policy)
        .filter(({ allows }) => allows)
        .flatMap((statement) => [
          unless(
            isBound(statement),
            policy,
            `policy.${statement.sid}`,
            "open to whoever comes",
            "bound by aws:SourceIp, aws:PrincipalArn or aws:SourceArn",
          ),
          ...statement.actions.map((action) =>
            unless(/^s3:[A-Za-z]+$/.test(action), policy, `policy.${statement.sid}.Action`, action, "actions by name"),
          ),
        ]),
    ),
};

function isBound({ principal, condition }: Statement): boolean {
  const keys = Object.values(condition).flatMap((one) => Object.entries(one));
  const bound = (key: string): boolean =>
    keys.some(
      ([name, value]) => name === key && list(value).length > 0 && !list(value).includes("0.0.0.0/0") && !list(value).includes("*"),
    );
  if (principal === "*") return bound("aws:SourceIp");
  return bound("aws:PrincipalArn") || bound("aws:SourceArn") || bound("aws:SourceIp");
}
