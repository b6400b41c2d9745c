import type { Endpoint } from "../world";

/** What a server's files are made from. Pure. */
export interface ServerSettings {
  endpoint: Endpoint;
  /** In the title of each process of the server. */
  clusterName: string;
  certFile: string;
  keyFile: string;
  /** Parameters of the DB parameter group, as set by its owner. */
  parameters: Record<string, string>;
  /** Where a replica streams from; `undefined` for a primary, and for a replica that is cut off. */
  upstream?: Upstream;
  /** `archive_command`; `undefined` archives nothing. */
  archiveCommand?: string;
  /** What it starts from, when its folder is a backup that has to be brought to a moment. */
  recovery?: Recovery;
}

export interface Recovery {
  restoreCommand: string;
  /** ms since the epoch. PostgreSQL stops before the first commit after it, and does not start where it finds none. */
  until: number;
}

export interface Upstream {
  endpoint: Endpoint;
  user: string;
  password: string;
  caFile: string;
  /** Shown in `pg_stat_replication` of the source. */
  applicationName: string;
}

/** What Amazon sets for the family postgres15 and the lab follows. */
const FAMILY_DEFAULTS: Record<string, string> = {
  "rds.force_ssl": "1",
  "rds.logical_replication": "0",
  ssl_min_protocol_version: "TLSv1.2",
  wal_sender_timeout: "30s",
  wal_receiver_timeout: "30s",
};

/** Parameters that are PostgreSQL's own, safe to hand on and independent of the machine's size. */
const HANDED_ON = new Set([
  "checkpoint_timeout",
  "default_transaction_isolation",
  "default_transaction_read_only",
  "hot_standby_feedback",
  "idle_in_transaction_session_timeout",
  "idle_session_timeout",
  "lock_timeout",
  "log_connections",
  "log_disconnections",
  "log_lock_waits",
  "log_min_duration_statement",
  "log_statement",
  "max_slot_wal_keep_size",
  "max_standby_archive_delay",
  "max_standby_streaming_delay",
  "password_encryption",
  "ssl_ciphers",
  "ssl_max_protocol_version",
  "ssl_min_protocol_version",
  "statement_timeout",
  "synchronous_commit",
  "track_commit_timestamp",
  "wal_receiver_timeout",
  "wal_sender_timeout",
]);

/** Bare numbers of these are in the unit that Amazon and PostgreSQL both document (ms, s), so they are handed on as they are. */
export function effectiveParameters(parameters: Record<string, string>): { honoured: Record<string, string>; ignored: string[] } {
  const honoured: Record<string, string> = { ...FAMILY_DEFAULTS };
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(parameters)) {
    // A formula such as {DBInstanceClassMemory/9531392} is about the size of a machine that is not there.
    if ((HANDED_ON.has(name) || name in FAMILY_DEFAULTS) && !value.includes("{")) honoured[name] = value;
    else ignored.push(name);
  }
  return { honoured, ignored };
}

/** postgresql.conf, whole. */
export function postgresqlConf(settings: ServerSettings): string {
  const { honoured } = effectiveParameters(settings.parameters);
  const { upstream, recovery } = settings;
  const values: Record<string, string> = {
    listen_addresses: settings.endpoint.host,
    port: String(settings.endpoint.port),
    // Two servers may not share a socket folder, and nobody needs one.
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "32MB",
    // Shared memory as files of the data folder: what a SIGKILL leaves behind goes with the folder.
    dynamic_shared_memory_type: "mmap",
    cluster_name: settings.clusterName,
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %q%u@%d %h ",
    log_checkpoints: "off",
    ssl: "on",
    ssl_cert_file: settings.certFile,
    ssl_key_file: settings.keyFile,
    password_encryption: "scram-sha-256",
    // A lost region is played by SIGKILL, which leaves the kernel's page cache alone: all that was written survives it.
    fsync: "off",
    synchronous_commit: "on",
    wal_level: honoured["rds.logical_replication"] === "1" ? "logical" : "replica",
    // While it recovers it is not what was asked for, and nobody is to read it.
    hot_standby: recovery ? "off" : "on",
    // Always, since a promotion goes on without a restart.
    archive_mode: "on",
    archive_command: settings.archiveCommand ?? "true",
    restore_command: recovery?.restoreCommand ?? "",
    // Names of time zones, `Z` among them, are not known yet when this is read.
    recovery_target_time: recovery ? new Date(recovery.until).toISOString().replace("Z", "+00") : "",
    recovery_target_action: recovery ? "promote" : "pause",
    max_wal_senders: "20",
    max_replication_slots: "20",
    // No slots: one left by a promoted replica would keep the old source's WAL for ever.
    wal_keep_size: "1GB",
    max_wal_size: "256MB",
    min_wal_size: "32MB",
    wal_retrieve_retry_interval: "500ms",
    ...Object.fromEntries(Object.entries(honoured).filter(([name]) => HANDED_ON.has(name))),
    primary_conninfo: upstream ? connectionString(upstream) : "",
  };
  return Object.entries(values)
    .map(([name, value]) => `${name} = '${value.replace(/\\/g, "\\\\").replace(/'/g, "''")}'\n`)
    .join("");
}

/** pg_hba.conf, whole. Without TLS nobody gets in unless `rds.force_ssl` is 0, and replication never does. */
export function hbaConf(parameters: Record<string, string>, replicationUser: string): string {
  const { honoured } = effectiveParameters(parameters);
  const type = honoured["rds.force_ssl"] === "0" ? "host" : "hostssl";
  return `${type} all all all scram-sha-256\nhostssl replication ${replicationUser} all scram-sha-256\n`;
}

function connectionString({ endpoint, user, password, caFile, applicationName }: Upstream): string {
  const values: Record<string, string> = {
    host: endpoint.host,
    port: String(endpoint.port),
    user,
    password,
    application_name: applicationName,
    sslmode: "verify-full",
    sslrootcert: caFile,
    ssl_min_protocol_version: "TLSv1.3",
    connect_timeout: "5",
  };
  return Object.entries(values)
    .map(([name, value]) => `${name}='${value.replace(/[\\']/g, "\\$&")}'`)
    .join(" ");
}
