//! What keeps a connection alive, or does not: one refresh of any kind, at both ends.

use super::state::{Client, SERVICE, Server, Word};
use super::stream::Range;
use super::world::World;
use crate::boxes::Direction;
use crate::model::{Fact, HoldId, Refresh, Refreshed};

impl World {
    /// Sends one refresh of `kind`. All kinds are possible here; limited ones are packets without data.
    pub(super) fn refresh(&mut self, now: u64, hold: HoldId, kind: Refresh, limited: bool) {
        let Some(conn) = self.conn(hold) else { return };
        if self.conns[conn as usize].client != Client::Open {
            return;
        }
        if limited {
            return self.refresh_on_the_way(now, conn, kind);
        }
        if matches!(kind, Refresh::TcpKeepalive | Refresh::TcpKeepalive1b | Refresh::DataClient) {
            self.conns[conn as usize].asked_for = Some(kind);
        }
        match kind {
            Refresh::None => return,
            Refresh::TcpKeepalive => self.send_keepalive(now, conn, Direction::Outbound, 0),
            Refresh::TcpKeepalive1b => self.send_keepalive(now, conn, Direction::Outbound, 1),
            Refresh::Ack => self.send_range(now, conn, Direction::Outbound, Range::EMPTY),
            Refresh::Data => self.say(now, conn, Direction::Outbound, Word::Ping),
            Refresh::DataClient => self.say(now, conn, Direction::Outbound, Word::Note),
            // It leaves on the other side; word of it comes over the service channel.
            Refresh::DataServer => return self.ask_service(now, Word::Nudge(conn)),
        }
        self.refreshed(now, conn, kind, Refreshed::Left);
    }

    /// One that dies before the other end.
    fn refresh_on_the_way(&mut self, now: u64, conn: u32, kind: Refresh) {
        let payload = match kind {
            Refresh::TcpKeepalive => Some(0),
            Refresh::TcpKeepalive1b => Some(1),
            _ => None,
        };
        let Some((payload, ttl)) = payload.zip(self.reach()) else {
            return self.refreshed(now, conn, kind, Refreshed::Unsupported);
        };
        self.send_dying(now, conn, payload, ttl);
        self.see(now, Some(conn), Fact::Refreshed { kind, what: Refreshed::Left, hop: Some(ttl) });
    }

    fn refreshed(&mut self, now: u64, conn: u32, kind: Refresh, what: Refreshed) {
        self.see(now, Some(conn), Fact::Refreshed { kind, what, hop: None });
    }

    /// The reflector is asked to say something on a connection.
    pub(super) fn nudge(&mut self, now: u64, conn: u32) {
        if self.conns[conn as usize].server == Server::Open {
            self.say(now, conn, Direction::Inbound, Word::Note);
            self.report(now, Word::Nudged(conn));
        }
    }

    /// A word that belongs to a refresh has arrived at the client.
    pub(super) fn hear_refresh(&mut self, now: u64, conn: u32, word: Word) {
        let (conn, kind, what) = match word {
            Word::Pong => (conn, Refresh::Data, Refreshed::Answered),
            Word::Note => (conn, Refresh::DataServer, Refreshed::Answered),
            Word::Nudged(told) => (told, Refresh::DataServer, Refreshed::Left),
            _ => return,
        };
        self.refreshed(now, conn, kind, what);
    }

    /// Something came from the server: what was asked for has been acknowledged, unless data are still under way.
    pub(super) fn acknowledged_refresh(&mut self, now: u64, conn: u32) {
        if conn == SERVICE {
            return;
        }
        let Some(kind) = self.conns[conn as usize].asked_for else { return };
        if kind == Refresh::DataClient && self.waits(conn, Direction::Outbound) {
            return;
        }
        self.conns[conn as usize].asked_for = None;
        self.refreshed(now, conn, kind, Refreshed::Answered);
    }
}
