import { about, bucketsOf, useOf } from "./buckets";
import { BUCKET_POLICY, INSTANCE, LISTENER, PARAMETER_GROUP } from "./kinds";
import { statementsOf, unless } from "./look";
import type { Rule } from "./rule";

const theme = "transport" as const;
const controls = ["pci_dss 4.2", "gdpr 32"] as const;

export const databaseTls: Rule = {
  name: "tls-database",
  theme,
  description: "Databases speak TLS 1.3 and nothing else, to services and for replication",
  reason: "A session in the clear shows every row to whoever is on the way.",
  fix: "Leave the parameter group to the Database component.",
  controls,
  check: (look) => [
    ...look.each(look.all(PARAMETER_GROUP), (group) => {
      const value = (name: string): string | undefined => group.props.parameters?.find((one) => one.name === name)?.value;
      return [
        unless(value("rds.force_ssl") === "1", group, "parameters.rds.force_ssl", value("rds.force_ssl"), "1"),
        unless(
          value("ssl_min_protocol_version") === "TLSv1.3",
          group,
          "parameters.ssl_min_protocol_version",
          value("ssl_min_protocol_version"),
          "TLSv1.3",
        ),
      ];
    }),
    ...look.each(look.all(INSTANCE), (database) => {
      const ours = look.all(PARAMETER_GROUP).some((group) => look.leadsTo(database, "parameterGroupName", group, () => [group.props.name]));
      return [unless(ours, database, "parameterGroupName", database.props.parameterGroupName, "the site's parameter group")];
    }),
  ],
};

/** Policies of load balancers that take TLS 1.3 first and nothing below 1.2. Elastic Load Balancing user guide, 'Security policies'. */
const TLS13 = /^ELBSecurityPolicy-TLS13-1-[23]-/;

export const balancerTls: Rule = {
  name: "tls-balancer",
  theme,
  description: "Load balancers take TLS 1.3, and 1.2 where Route 53's health checks need it, on every listener",
  reason: "Users' data would go in the clear, or by ciphers that are broken.",
  fix: "Leave the listener to the Balancer component.",
  controls,
  check: (look) =>
    look.each(look.all(LISTENER), (listener) => {
      const { protocol, sslPolicy } = listener.props;
      return [
        unless(protocol === "HTTPS" || protocol === "TLS", listener, "protocol", protocol, "HTTPS"),
        unless(TLS13.test(sslPolicy ?? ""), listener, "sslPolicy", sslPolicy, "a policy of ELBSecurityPolicy-TLS13-1-2-* or -1-3-*"),
      ];
    }),
};

export const bucketTls: Rule = {
  name: "tls-buckets",
  theme,
  description: "Buckets refuse plain HTTP, and TLS below 1.3 but where AWS itself reads or writes: takeover switches and the audit trail",
  reason: "Objects would go in the clear, or by ciphers that are broken.",
  fix: "Make the bucket with PrivateBucket.",
  controls,
  check: (look) =>
    look.each(bucketsOf(look), (bucket) => {
      const policies = about(look, bucket, BUCKET_POLICY);
      if (policies.length === 0) return [unless(false, bucket, "policy", undefined, "a BucketPolicy")];
      const only13 = !["switch", "audit"].includes(useOf(look, bucket));
      return policies.flatMap((policy) => {
        const denials = statementsOf(policy.props.policy).filter(
          ({ allows, principal, actions }) => !allows && principal === "*" && actions.includes("s3:*"),
        );
        const everywhere = ({ resources }: { resources: string[] }): boolean =>
          [`arn:aws:s3:::${bucket.props.bucket}`, `arn:aws:s3:::${bucket.props.bucket}/*`].every((arn) => resources.includes(arn));
        const plain = denials.some((one) => everywhere(one) && one.condition["Bool"]?.["aws:SecureTransport"] === "false");
        const old = denials.some((one) => everywhere(one) && one.condition["NumericLessThan"]?.["s3:TlsVersion"] === "1.3");
        return [
          unless(plain, policy, "policy", "open to plain HTTP", "a denial of every action where aws:SecureTransport is false"),
          unless(!only13 || old, policy, "policy", "open to TLS below 1.3", "a denial of every action where s3:TlsVersion is below 1.3"),
        ];
      });
    }),
};
