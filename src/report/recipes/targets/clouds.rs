//! Balancers and NAT of clouds: boxes on the path whose timers can be raised above the heartbeats.

use super::super::table::{Carrier, Family, File, Key, Role, Sends, Target};

/// One command.
const SHELL: &str = "a shell";

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "aws-alb",
        also: &["aws"],
        about: "AWS Application Load Balancer",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
        note: "Data resets it (1 byte is enough); HTTP/2 PING and TCP keepalives do not. The server's own idle timeout must be \
               longer than the balancer's.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("Key=idle_timeout.timeout_seconds,Value=", Role::IdleTimeout)
                .called("idle_timeout.timeout_seconds")
                .within(1, 4000)],
            text: "
aws elbv2 modify-load-balancer-attributes --load-balancer-arn \"$LOAD_BALANCER\" \\
    --attributes Key=idle_timeout.timeout_seconds,Value=<0>
",
        }],
    },
    Target {
        name: "aws-nlb",
        also: &["aws", "aws-gwlb"],
        about: "AWS Network Load Balancer, a TCP listener",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html",
        note: "A TLS listener has 350 s and cannot be changed.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("Key=tcp.idle_timeout.seconds,Value=", Role::IdleTimeout)
                .called("tcp.idle_timeout.seconds")
                .within(60, 6000)],
            text: "
aws elbv2 modify-listener-attributes --listener-arn \"$LISTENER\" \\
    --attributes Key=tcp.idle_timeout.seconds,Value=<0>
",
        }],
    },
    Target {
        name: "aws-ec2",
        also: &["aws"],
        about: "connection tracking of an EC2 network interface (security groups)",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html",
        note: "The default is 350 s on Nitro v6 instances, 5 days on others: leave it alone where it is longer.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("TcpEstablishedTimeout=", Role::IdleTimeout).within(60, 432_000)],
            text: "
aws ec2 modify-network-interface-attribute --network-interface-id \"$INTERFACE\" \\
    --connection-tracking-specification TcpEstablishedTimeout=<0>
",
        }],
    },
    Target {
        name: "azure-lb",
        also: &["azure"],
        about: "Azure Load Balancer, a load balancing rule",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://learn.microsoft.com/azure/load-balancer/load-balancer-tcp-idle-timeout",
        note: "It counts minutes. Without TCP reset it forgets in silence. Older API versions stop at 30 minutes.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::minutes("--idle-timeout", Role::IdleTimeout).within(4, 100)],
            text: "
az network lb rule update --resource-group \"$GROUP\" --lb-name \"$BALANCER\" --name \"$RULE\" \\
    --idle-timeout <0> --enable-tcp-reset true
",
        }],
    },
    Target {
        name: "azure-nat",
        also: &["azure"],
        about: "Azure NAT Gateway",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource",
        note: "It counts minutes. Long timers hold ports: the default of 4 is the smallest.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::minutes("--idle-timeout", Role::IdleTimeout).within(4, 120)],
            text: "az network nat gateway update --resource-group \"$GROUP\" --name \"$GATEWAY\" --idle-timeout <0>",
        }],
    },
    Target {
        name: "gcp-lb",
        also: &["gcp", "google"],
        about: "Google Cloud global external Application Load Balancer: idle connections of clients",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://cloud.google.com/compute/docs/reference/rest/v1/targetHttpProxies",
        note: "For HTTP between requests. A WebSocket lives as long as the backend service's timeoutSec, idle or not. The VPC \
               itself forgets TCP after 10 minutes.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("--http-keep-alive-timeout-sec=", Role::IdleTimeout).within(5, 1200)],
            text: "gcloud compute target-http-proxies update \"$PROXY\" --http-keep-alive-timeout-sec=<0>",
        }],
    },
    Target {
        name: "gcp-nat",
        also: &["gcp", "google"],
        about: "Google Cloud NAT",
        family: Family::Clouds,
        carrier: Carrier::Tcp,
        source: "https://cloud.google.com/sdk/gcloud/reference/compute/routers/nats/update",
        note: "The default is 1200 s: leave it alone where it is longer.",
        whole: true,
        files: &[File {
            name: SHELL,
            comment: "#",
            sends: Sends::Nothing,
            keys: &[Key::seconds("--tcp-established-idle-timeout=", Role::IdleTimeout)],
            text: "
gcloud compute routers nats update \"$NAT\" --router=\"$ROUTER\" --region=\"$REGION\" \\
    --tcp-established-idle-timeout=<0>s
",
        }],
    },
];
