//! Brokers and databases.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};
use super::{interval, probes, time};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "mqtt",
        also: &["paho", "aws-iot"],
        about: "an MQTT client (Keep Alive of its CONNECT; here paho for Python)",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html#_Keep_Alive",
        note: "The server gives up after one and a half times that. MQTT 5 servers may overrule it (Server Keep Alive), and AWS \
               IoT takes 30 to 1200 s.",
        whole: true,
        files: &[File {
            name: "client.py",
            comment: "#",
            sends: Sends::Data,
            // a 16-bit number (MQTT 3.1.1, 3.1.2.10)
            keys: &[Key::seconds("KEEP_ALIVE =", Role::Heartbeat).within(1, 65_535)],
            text: "
KEEP_ALIVE = <0>


def connect(client, host, port=8883):
    client.connect(host, port, keepalive=KEEP_ALIVE)
",
        }],
    },
    Target {
        name: "mosquitto",
        also: &["mqtt"],
        about: "a bridge of the Mosquitto broker",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://mosquitto.org/man/mosquitto-conf-5.html",
        note: "Clients of the broker choose their own Keep Alive in CONNECT.",
        whole: true,
        files: &[File {
            name: "/etc/mosquitto/conf.d/bridge.conf",
            comment: "#",
            sends: Sends::Data,
            // mosquitto.conf(5): the minimum is 5 s
            keys: &[Key::seconds("keepalive_interval", Role::Heartbeat).within(5, 65_535)],
            text: "
connection far-side
address broker.example.com:1883
topic # both 0
keepalive_interval <0>
",
        }],
    },
    Target {
        name: "rabbitmq",
        also: &["amqp"],
        about: "RabbitMQ and other AMQP 0-9-1 servers; the client takes the smaller of its own and this",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://www.rabbitmq.com/docs/heartbeats",
        note: "The number is a timeout: frames go every half of it, so it is twice the heartbeat. Below 5 s it gives false \
               alarms.",
        whole: true,
        files: &[File {
            name: "/etc/rabbitmq/conf.d/heartbeat.conf",
            comment: "#",
            sends: Sends::Data,
            // a 16-bit number of connection.tune (AMQP 0-9-1)
            keys: &[Key::seconds("heartbeat =", Role::TwoHeartbeats).within(5, 65_535)],
            text: "heartbeat = <0>",
        }],
    },
    Target {
        name: "redis",
        also: &["valkey"],
        about: "a Redis or Valkey server",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://redis.io/docs/latest/develop/reference/clients/#tcp-keepalive",
        note: "Redis repeats a lost keepalive after a third of the time and gives up after three (anetKeepAlive). Sent by \
               the server: boxes that refresh on packets from the inside alone do not count them.",
        whole: true,
        files: &[File {
            name: "redis.conf",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[Key::seconds("tcp-keepalive", Role::KeepaliveTimeOfThirds).within(3, 32_767)],
            text: "
timeout 0
tcp-keepalive <0>
",
        }],
    },
    Target {
        name: "postgresql",
        also: &["postgres"],
        about: "a PostgreSQL server",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP",
        note: "Sent by the server: boxes that refresh on packets from the inside alone do not count them.",
        whole: true,
        files: &[File {
            name: "postgresql.conf",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[
                time("tcp_keepalives_idle"),
                interval("tcp_keepalives_interval"),
                probes("tcp_keepalives_count"),
                Key::millis("tcp_user_timeout", Role::UserTimeout),
            ],
            text: "
tcp_keepalives_idle = <0>s
tcp_keepalives_interval = <1>s
tcp_keepalives_count = <2>
tcp_user_timeout = <3>ms
",
        }],
    },
    Target {
        name: "libpq",
        also: &["postgresql-client", "psycopg"],
        about: "PostgreSQL clients that use libpq",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-KEEPALIVES",
        note: "The same words work in a connection string; they lack the server's tcp_.",
        whole: true,
        files: &[File {
            name: "~/.pg_service.conf",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[
                time("keepalives_idle"),
                interval("keepalives_interval"),
                probes("keepalives_count"),
                Key::millis("tcp_user_timeout", Role::UserTimeout),
            ],
            text: "
[kept-alive]
keepalives=1
keepalives_idle=<0>
keepalives_interval=<1>
keepalives_count=<2>
tcp_user_timeout=<3>
",
        }],
    },
    Target {
        name: "mysql",
        also: &[],
        about: "a MySQL server: how long it keeps an idle connection",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_wait_timeout",
        note: "MySQL has no keepalive time of its own: set sysctl, or let the pool send queries (hikaricp). The default is 8 \
               hours: leave it alone where it is longer than this.",
        whole: true,
        files: &[File {
            name: "/etc/mysql/conf.d/idle.cnf",
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("wait_timeout", Role::IdleTimeout).within(1, 31_536_000)],
            text: "
[mysqld]
wait_timeout = <0>
",
        }],
    },
    Target {
        name: "mariadb",
        also: &["mysql"],
        about: "a MariaDB server (10.3.3 or later)",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://mariadb.com/docs/server/ref/mdb/cli/mariadbd/tcp-keepalive-time",
        note: "Sent by the server: boxes that refresh on packets from the inside alone do not count them.",
        whole: true,
        files: &[File {
            name: "/etc/mysql/mariadb.conf.d/60-keepalive.cnf",
            comment: "#",
            sends: Sends::Keepalive,
            keys: &[time("tcp_keepalive_time"), interval("tcp_keepalive_interval"), probes("tcp_keepalive_probes")],
            text: "
[mariadb]
tcp_keepalive_time = <0>
tcp_keepalive_interval = <1>
tcp_keepalive_probes = <2>
",
        }],
    },
    Target {
        name: "hikaricp",
        also: &["hikari", "jdbc"],
        about: "a pool of JDBC connections: HikariCP asks each idle one in turn",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://github.com/brettwooldridge/HikariCP#gear-configuration-knobs-baby",
        note: "It must be less than maxLifetime (30 minutes unless you set it).",
        whole: true,
        files: &[File {
            name: "hikari.properties",
            comment: "#",
            sends: Sends::Data,
            // its documentation: the minimum is 30 s
            keys: &[Key::millis("keepaliveTime=", Role::Heartbeat).at_least(30_000)],
            text: "keepaliveTime=<0>",
        }],
    },
    Target {
        name: "kafka",
        also: &["librdkafka", "event-hubs"],
        about: "a Kafka client, which closes an idle connection before the path forgets it",
        family: Family::Data,
        carrier: Carrier::Tcp,
        source: "https://kafka.apache.org/documentation/#producerconfigs_connections.max.idle.ms",
        note: "Kafka sends no heartbeat on idle connections: it closes them and makes new ones.",
        whole: true,
        files: &[File {
            name: "client.properties",
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::millis("connections.max.idle.ms=", Role::Heartbeat)],
            text: "connections.max.idle.ms=<0>",
        }],
    },
];
