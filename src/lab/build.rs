//! Building a lab: namespaces, cables, addresses, routes, and then what stands on each hop.

use super::Lab;
use super::address::{self, Address, Mac, Side};
use super::cable::{self, End};
use super::capture::Sniffer;
use super::error::LabError;
use super::layout::StagePlan;
use super::layout::{Layout, Part};
use super::machine::{self, Capture, Face, Forwarder, HopAddress, Stage};
use super::namespace::Namespace;
use super::permit;
use super::programs::Surroundings;
use super::real::Real;
use super::spec::{Host, LabSpec, Place};

/// One end of the last cable before the server, as seen from whoever is there.
pub(super) struct Cut<'a> {
    /// Whose end it is.
    pub(super) namespace: &'a Namespace,
    /// The interface there.
    pub(super) interface: &'static str,
    /// Who is beyond the cable.
    pub(super) peer: Address,
    /// Its hardware address.
    pub(super) mac: Mac,
}

/// Builds a lab.
pub(super) fn build(spec: &LabSpec) -> Result<Lab, LabError> {
    // What can be known beforehand is checked before this process changes.
    let layout = Layout::of(&spec.chain)?;
    permit::prepare()?;
    let namespaces = layout.places().into_iter().map(Namespace::new).collect::<Result<_, _>>()?;
    let mut lab =
        Lab { spec: spec.clone(), layout, programs: Vec::new(), sniffer: None, forwarders: Vec::new(), namespaces };
    lab.settle()?;
    lab.wire()?;
    lab.connect()?;
    lab.capture()?;
    lab.forward()?;
    lab.install()?;
    Ok(lab)
}

impl Lab {
    /// The settings of each namespace.
    fn settle(&self) -> Result<(), LabError> {
        for namespace in &self.namespaces {
            cable::loopback_up(namespace)?;
            let host = matches!(namespace.place(), Place::Host(_));
            if host && self.layout.ipv6() {
                // A host that has IPv6 switched off passes that on to new namespaces.
                namespace.sysctl("net/ipv6/conf/all/disable_ipv6", &0)?;
                namespace.sysctl("net/ipv6/conf/default/disable_ipv6", &0)?;
            } else {
                // It would speak of its own accord. A kernel without IPv6 has no such setting, and need not be told.
                let _ = namespace.sysctl("net/ipv6/conf/all/disable_ipv6", &1);
                let _ = namespace.sysctl("net/ipv6/conf/default/disable_ipv6", &1);
            }
        }
        for part in &self.layout.parts {
            let Part::Hop { hop, real, .. } = part else { continue };
            if !real.forwards() {
                continue;
            }
            let namespace = self.namespace(Host::Hop(*hop))?;
            namespace.sysctl("net/ipv4/ip_forward", &1)?;
            if self.layout.ipv6() {
                namespace.sysctl("net/ipv6/conf/all/forwarding", &1)?;
            }
        }
        Ok(())
    }

    /// Lays the cables.
    fn wire(&self) -> Result<(), LabError> {
        for (cable, pair) in self.namespaces.windows(2).enumerate() {
            let [near, far] = pair else { continue };
            let (near_end, far_end) = (self.end(cable, near, Side::Right), self.end(cable, far, Side::Left));
            cable::lay((near, near_end), (far, far_end))?;
        }
        Ok(())
    }

    /// Tells each host its neighbours and its routes.
    fn connect(&self) -> Result<(), LabError> {
        for (at, namespace) in self.namespaces.iter().enumerate() {
            let Place::Host(host) = namespace.place() else { continue };
            for (side, cable) in [(Side::Left, at.checked_sub(1)), (Side::Right, Some(at))] {
                let Some(cable) = cable.filter(|cable| cable + 1 < self.namespaces.len()) else { continue };
                if self.speaks_for_itself(namespace.place(), side) {
                    self.pin(namespace, host, side, cable)?;
                }
            }
            let routes = self.layout.routes(host);
            let interface = interface(namespace.place(), Side::Left);
            if !routes.is_empty() {
                cable::route(namespace, routes, interface)?;
            }
        }
        Ok(())
    }

    /// Tells `host` the hardware address of its neighbour on one side. Nobody answers for a forwarder, and a kernel's first
    /// question on a fresh cable may be lost, which costs a second.
    fn pin(&self, namespace: &Namespace, host: Host, side: Side, cable: usize) -> Result<(), LabError> {
        let Some(neighbour) = self.layout.neighbour(host, side) else { return Ok(()) };
        let interface = interface(namespace.place(), side);
        cable::pin(namespace, interface, neighbour, self.mac_beyond(side, cable))?;
        if self.speaks_for_itself(self.beyond(side, cable).place(), side.other()) {
            return Ok(());
        }
        // Whoever reads frames reads them as they are: the kernel has to finish them.
        machine::offload_off(namespace, interface)
    }

    /// What is on that side of a cable.
    fn beyond(&self, side: Side, cable: usize) -> &Namespace {
        &self.namespaces[if side == Side::Left { cable } else { cable + 1 }]
    }

    /// Its hardware address.
    fn mac_beyond(&self, side: Side, cable: usize) -> Mac {
        let beyond = self.beyond(side, cable);
        match beyond.place() {
            Place::Forwarder(_) => machine::MAC,
            Place::Host(_) => self.end(cable, beyond, side.other()).mac,
        }
    }

    /// Starts to capture, where that is asked for.
    fn capture(&mut self) -> Result<(), LabError> {
        let Some(folder) = &self.spec.capture else { return Ok(()) };
        let mut interfaces = Vec::new();
        for namespace in &self.namespaces {
            let Place::Host(host) = namespace.place() else { continue };
            let sides = match host {
                Host::Client => vec![(Side::Right, "client.pcap".to_owned())],
                Host::Server => vec![(Side::Left, "server.pcap".to_owned())],
                Host::Hop(_) => {
                    let place = self.layout.place(host).unwrap_or_default();
                    vec![(Side::Left, format!("{place}-left.pcap")), (Side::Right, format!("{place}-right.pcap"))]
                }
            };
            for (side, file) in sides {
                let interface = interface(namespace.place(), side);
                // A capture is to show whole checksums, and segments as they would be on a real cable.
                machine::offload_off(namespace, interface)?;
                interfaces.push((namespace, interface, file));
            }
        }
        self.sniffer = Some(Sniffer::start(folder, &interfaces)?);
        Ok(())
    }

    /// Starts the forwarders.
    fn forward(&mut self) -> Result<(), LabError> {
        let mut forwarders = Vec::new();
        for (cable, part) in self.layout.parts.iter().enumerate() {
            let Part::Forwarder { place, stages } = part else { continue };
            let [near, middle, far] = &self.namespaces[cable..cable + 3] else { continue };
            let face =
                |interface, cable, beyond, side| Face { interface, neighbour: self.end(cable, beyond, side).mac };
            let left = face(address::LEFT, cable, near, Side::Right);
            let right = face(address::RIGHT, cable + 1, far, Side::Left);
            let stages = stages.iter().map(|stage| self.stage(stage)).collect::<Result<_, _>>()?;
            let capture = self.spec.capture.as_ref().map(|folder| Capture { folder: folder.clone(), first: *place });
            forwarders.push(Forwarder::start(middle, left, right, stages, capture.as_ref())?);
        }
        self.forwarders = forwarders;
        Ok(())
    }

    /// A stage of a forwarder.
    fn stage(&self, plan: &StagePlan) -> Result<Stage, LabError> {
        Ok(match plan {
            StagePlan::Link(link) => Stage::Link(*link),
            StagePlan::Box { hop, spec } => {
                let machine = spec.machine().ok_or_else(|| LabError::NoMachine { name: spec.name() })?;
                let side = |side| {
                    let Address { v4, v6 } = self.layout.address(Host::Hop(*hop), side);
                    HopAddress { v4, v6 }
                };
                Stage::Box { machine, left: side(Side::Left), right: side(Side::Right) }
            }
        })
    }

    /// Whether the kernel answers on that side of a place.
    fn speaks_for_itself(&self, place: Place, side: Side) -> bool {
        match place {
            Place::Forwarder(_) => false,
            Place::Host(host) => side == Side::Right || !self.layout.real(host).is_some_and(Real::reads_frames),
        }
    }

    /// The end of a cable on one side of a place.
    fn end(&self, cable: usize, namespace: &Namespace, side: Side) -> End {
        let place = namespace.place();
        let address = match place {
            Place::Host(host) if self.speaks_for_itself(place, side) => Some(self.layout.address(host, side)),
            _ => None,
        };
        // The end on a place's right is the left end of its cable.
        End { interface: interface(place, side), mac: address::mac(cable as u8, side.other()), address }
    }

    /// Puts on each hop what stands there.
    fn install(&mut self) -> Result<(), LabError> {
        let mut programs = Vec::new();
        for (cable, part) in self.layout.parts.iter().enumerate() {
            let Part::Hop { hop, real, .. } = part else { continue };
            let host = Host::Hop(*hop);
            let namespace = self.namespace(host)?;
            match real {
                Real::Router => {}
                Real::Netfilter(rules) => rules.install(namespace, self.layout.ipv6())?,
                Real::Program(program) => {
                    let around = Surroundings {
                        client: self.layout.address(Host::Client, Side::Right),
                        left: self.layout.address(host, Side::Left),
                        left_mac: self.end(cable, namespace, Side::Left).mac,
                        server: self.layout.address(Host::Server, Side::Left),
                    };
                    programs.push((*hop, program.start(namespace, &around)?));
                }
            }
        }
        self.programs = programs;
        Ok(())
    }

    /// Does something at both ends of the last cable.
    pub(super) fn last_cable(&self, act: impl Fn(Cut<'_>) -> Result<(), LabError>) -> Result<(), LabError> {
        let [.., near, server] = &self.namespaces[..] else { return Ok(()) };
        let cable = self.namespaces.len() - 2;
        for (namespace, side) in [(near, Side::Right), (server, Side::Left)] {
            let Place::Host(host) = namespace.place() else { continue };
            let Some(peer) = self.layout.neighbour(host, side) else { continue };
            let mac = self.mac_beyond(side, cable);
            act(Cut { namespace, interface: interface(namespace.place(), side), peer, mac })?;
        }
        Ok(())
    }
}

/// The name of a place's interface on one side.
const fn interface(place: Place, side: Side) -> &'static str {
    match (place, side) {
        (Place::Host(Host::Client | Host::Server), _) => address::ETH0,
        (Place::Host(Host::Hop(_)), Side::Left) => address::TO_CLIENT,
        (Place::Host(Host::Hop(_)), Side::Right) => address::TO_SERVER,
        (Place::Forwarder(_), Side::Left) => address::LEFT,
        (Place::Forwarder(_), Side::Right) => address::RIGHT,
    }
}
