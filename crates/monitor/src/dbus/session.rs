//! The thread of the bus: connects, shows what is on the board, sends its news, and begins again
//! when the bus has gone.

use super::Requests;
use super::board::{Board, News, Settings, State};
use super::objects::{InstanceObject, VrrpObject};
use super::path;
use futures_lite::{FutureExt, StreamExt};
use log::{info, warn};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zbus::fdo::RequestNameReply;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, MatchRule, MessageStream, connection, message};
use zruntime::SharedRuntime;

/// A bus that has not answered or taken a message after this time is as good as gone.
const LIMIT: Duration = Duration::from_secs(10);
/// Pause before the next try; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// Name and interface of the bus itself.
const BUS: &str = "org.freedesktop.DBus";
/// The bus's own object.
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// Serves until the board says that the daemon ends.
pub(super) fn serve(board: &Arc<Board>, requests: &Requests) {
    let runtime = match SharedRuntime::current() {
        Ok(runtime) => runtime,
        Err(e) => return log::error!("Failed to initialise DBus: {e}"),
    };
    let server = Server { board: board.clone(), requests: requests.clone(), runtime };
    zruntime::block_on(server.run());
}

/// Why there is no service at the moment.
#[derive(Debug)]
enum Trouble {
    /// Nobody answers at the bus's address.
    Absent(zbus::Error),
    /// The connection broke.
    Gone,
    /// The bus says nothing, or takes nothing.
    Hung,
    /// The bus does not let us have the name, or hear of it.
    Refused(zbus::Error),
}

impl Trouble {
    /// Whether `next` is nothing new after this.
    fn covers(&self, next: &Trouble) -> bool {
        use Trouble::{Absent, Gone, Hung, Refused};
        matches!(
            (self, next),
            (Absent(_) | Gone, Absent(_) | Gone) | (Hung, Hung) | (Refused(_), Refused(_))
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Absent(e) => write!(f, "cannot reach the bus ({e})"),
            Trouble::Gone => f.write_str("the bus is gone"),
            Trouble::Hung => f.write_str("the bus does not answer"),
            Trouble::Refused(e) => write!(f, "the bus refuses it, see its policy ({e})"),
        }
    }
}

/// Errors of an established connection.
impl From<zbus::Error> for Trouble {
    fn from(e: zbus::Error) -> Self {
        match e {
            zbus::Error::InputOutput(_) => Trouble::Gone,
            e => Trouble::Refused(e),
        }
    }
}

struct Server {
    board: Arc<Board>,
    requests: Requests,
    runtime: SharedRuntime,
}

impl Server {
    async fn run(self) {
        let mut said: Option<Trouble> = None;
        let mut pause = PAUSE;
        while let Some(settings) = self.wanted().await {
            let end = match self.join(&settings).await {
                Ok(mut session) => {
                    (said, pause) = (None, PAUSE);
                    session.work().await
                }
                Err(trouble) => Err(trouble),
            };
            self.board.view().set_live(false);
            if let Err(trouble) = end {
                if !said.as_ref().is_some_and(|before| before.covers(&trouble)) {
                    let name = &settings.service;
                    warn!("Lost the name {name} on the session bus: {trouble}; trying again");
                    said = Some(trouble);
                }
                self.pause(pause, &settings).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// What to serve, once something is to be served; `None` when the daemon ends.
    async fn wanted(&self) -> Option<Settings> {
        loop {
            let change = self.board.change();
            {
                let view = self.board.view();
                if view.ending {
                    return None;
                }
                if let Some(settings) = &view.settings {
                    return Some(settings.clone());
                }
            }
            change.await;
        }
    }

    /// Waits that long, or until the board wants something else.
    async fn pause(&self, time: Duration, settings: &Settings) {
        let other = async {
            loop {
                let change = self.board.change();
                if !self.board.view().wants(settings) {
                    return;
                }
                change.await;
            }
        };
        // Either end will do.
        let _ = self.runtime.timeout(time, other).await;
    }

    /// Connects, offers the objects and asks for the name.
    async fn join<'a>(&'a self, settings: &'a Settings) -> Result<Session<'a>, Trouble> {
        let main = VrrpObject { requests: self.requests.clone() };
        let connect = connection::Builder::system().serve_at(path::vrrp(&settings.base), main);
        let connection = self.within(connect.build()).await?.map_err(Trouble::Absent)?;
        let acquired = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(BUS)
            .member("NameAcquired")
            .arg(0, settings.service.as_str())
            .build()?;
        let acquired = MessageStream::for_match_rule(acquired, &connection, None);
        let acquired = self.within(acquired).await??;
        let mut session = Session {
            server: self,
            settings,
            connection,
            acquired,
            served: BTreeMap::new(),
            edition: None,
            owner: false,
        };
        session.show().await?;
        session.request_name().await?;
        Ok(session)
    }

    /// The result of `future`, unless the bus hangs.
    async fn within<T>(&self, future: impl Future<Output = T>) -> Result<T, Trouble> {
        self.runtime.timeout(LIMIT, future).await.map_err(|_| Trouble::Hung)
    }
}

/// A connection to the bus, which knows that we want the name.
struct Session<'a> {
    server: &'a Server,
    settings: &'a Settings,
    connection: Connection,
    /// The bus says here that the name has become ours.
    acquired: MessageStream,
    /// Names of the instances that have an object, by path.
    served: BTreeMap<String, String>,
    /// Which edition of the board they are.
    edition: Option<u64>,
    /// The name is ours.
    owner: bool,
}

/// What a session waits for.
enum Wake {
    Board,
    Acquired,
    Closed,
}

impl Session<'_> {
    /// Serves until the board wants something else.
    async fn work(&mut self) -> Result<(), Trouble> {
        loop {
            let change = self.server.board.change();
            let goes_on = self.server.board.view().wants(self.settings);
            if goes_on {
                self.show().await?;
            }
            self.send_news().await?;
            if !goes_on {
                return self.leave().await;
            }
            let change = async {
                change.await;
                Wake::Board
            };
            let connection = self.connection.clone();
            let closed = async {
                connection.closed().await;
                Wake::Closed
            };
            let acquired = async {
                match self.acquired.next().await {
                    Some(Ok(_)) => Wake::Acquired,
                    _ => Wake::Closed,
                }
            };
            match closed.or(acquired).or(change).await {
                Wake::Board => {}
                Wake::Acquired => self.announce().await?,
                Wake::Closed => return Err(Trouble::Gone),
            }
        }
    }

    /// Asks for the name; if another has it, we are given it after them.
    async fn request_name(&mut self) -> Result<(), Trouble> {
        let name = &self.settings.service;
        let body = (name, 0u32);
        let ask = self.connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "RequestName", &body);
        let reply = self.server.within(ask).await??;
        info!("Acquired DBus bus {name}");
        match reply.body().deserialize()? {
            RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner => {
                self.announce().await
            }
            RequestNameReply::InQueue | RequestNameReply::Exists => {
                warn!("Lost the name {name} on the session bus: another has it; waiting for it");
                Ok(())
            }
        }
    }

    /// The name is ours: says so, and the state of each instance.
    async fn announce(&mut self) -> Result<(), Trouble> {
        if std::mem::replace(&mut self.owner, true) {
            return Ok(());
        }
        info!("Acquired the name {} on the session bus", self.settings.service);
        let states: Vec<(String, State)> = {
            let mut view = self.server.board.view();
            view.set_live(true);
            view.shown.iter().map(|(path, shown)| (path.clone(), shown.state)).collect()
        };
        let main = self.emitter(path::vrrp(&self.settings.base))?;
        self.server.within(VrrpObject::vrrp_started(&main)).await??;
        for (path, state) in states {
            self.send_state(path, state).await?;
        }
        Ok(())
    }

    /// Makes the objects those of the board.
    async fn show(&mut self) -> Result<(), Trouble> {
        let wanted: BTreeMap<String, String> = {
            let view = self.server.board.view();
            if self.edition.replace(view.edition) == Some(view.edition) {
                return Ok(());
            }
            view.shown.iter().map(|(path, shown)| (path.clone(), shown.name.clone())).collect()
        };
        let objects = self.connection.object_server();
        let gone = self.served.iter().filter(|(path, name)| wanted.get(*path) != Some(*name));
        for (path, name) in gone {
            objects.remove::<InstanceObject, _>(path.as_str()).await?;
            info!("Deleted DBus object for instance {name}");
        }
        let new = wanted.iter().filter(|(path, name)| self.served.get(*path) != Some(*name));
        for (path, name) in new {
            let (board, requests) = (self.server.board.clone(), self.server.requests.clone());
            let object = InstanceObject { path: path.clone(), board, requests };
            objects.at(path.as_str(), object).await?;
            // At the start each of them is new.
            if self.owner {
                info!("Added DBus object for instance {name}");
            }
        }
        self.served = wanted;
        Ok(())
    }

    /// Sends what the board has gathered.
    async fn send_news(&mut self) -> Result<(), Trouble> {
        let (news, lost) = self.server.board.view().take_news();
        if lost > 0 {
            warn!("DBus: {lost} signals were not sent: the bus is too slow");
        }
        for news in news {
            match news {
                News::Status(path, state) => self.send_state(path, state).await?,
                News::Reloaded => {
                    let main = self.emitter(path::vrrp(&self.settings.base))?;
                    self.server.within(VrrpObject::vrrp_reloaded(&main)).await??;
                }
            }
        }
        Ok(())
    }

    async fn send_state(&self, path: String, state: State) -> Result<(), Trouble> {
        let emitter = self.emitter(path)?;
        let signal = InstanceObject::vrrp_status_change(&emitter, state.code());
        Ok(self.server.within(signal).await??)
    }

    fn emitter(&self, path: String) -> Result<SignalEmitter<'static>, Trouble> {
        Ok(SignalEmitter::new(&self.connection, path)?.into_owned())
    }

    /// Says goodbye and leaves the bus.
    async fn leave(&mut self) -> Result<(), Trouble> {
        if self.owner {
            let main = self.emitter(path::vrrp(&self.settings.base))?;
            self.server.within(VrrpObject::vrrp_stopped(&main)).await??;
        }
        let name = &self.settings.service;
        let release =
            self.connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "ReleaseName", name);
        self.server.within(release).await??;
        self.server.within(self.connection.clone().close()).await??;
        info!("Released DBus");
        Ok(())
    }
}
