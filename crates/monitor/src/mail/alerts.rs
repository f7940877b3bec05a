//! Which news becomes a mail, and what it says.

use ipc::msg::monitor::{Event, MonitorSetup};
use ipc::msg::vrrp::{News, NotifyState, SubjectKind};
use std::collections::{HashMap, HashSet};

/// A mail to be: without date, sender and recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// With the router id before it.
    pub subject: String,
    /// One line.
    pub body: String,
}

/// An instance or group.
type Key = (SubjectKind, String);

/// Decides by the configuration, and by what was mailed before.
#[derive(Debug, Default)]
pub struct Alerts {
    /// What precedes every subject.
    router_id: String,
    no_faults: bool,
    /// Of whom alerts are wanted.
    wanted: HashSet<Key>,
    /// The same before the last reload: what that has removed still has news.
    wanted_before: HashSet<Key>,
    known: HashSet<Key>,
    /// The state that was mailed last.
    mailed: HashMap<Key, NotifyState>,
}

impl Alerts {
    /// Goes by this configuration from now on.
    pub fn configure(&mut self, setup: &MonitorSetup) {
        let global = &setup.global;
        let id = global.router_id.as_deref().unwrap_or(&setup.identity.host);
        self.router_id = id.to_owned();
        self.no_faults = global.smtp.no_email_faults;
        let vrrp = &setup.vrrp;
        let groups = vrrp.sync_groups.iter();
        let groups = groups.map(|g| ((SubjectKind::Group, g.name.clone()), g.smtp_alert));
        let instances = vrrp.instances.iter();
        let instances = instances.map(|i| ((SubjectKind::Instance, i.name.clone()), i.smtp_alert));
        let all: Vec<(Key, bool)> = groups.chain(instances).collect();
        let wanted = all.iter().filter(|(_, alert)| *alert).map(|(key, _)| key.clone());
        self.wanted_before = std::mem::replace(&mut self.wanted, wanted.collect());
        let known = all.into_iter().map(|(key, _)| key).collect();
        let known_before = std::mem::replace(&mut self.known, known);
        self.mailed.retain(|key, _| self.known.contains(key) || known_before.contains(key));
    }

    /// The mail that an event asks for.
    pub fn event(&mut self, event: &Event) -> Option<Alert> {
        match event {
            Event::Vrrp { kind, name, news: News::State(state), .. } => {
                self.state((*kind, name.clone()), *state)
            }
            // The checker role has decided by its part of the configuration.
            Event::Mail { subject, body } => Some(self.alert(subject, body.clone())),
            Event::Vrrp { .. } | Event::Server { .. } | Event::ServerNews(_) => None,
        }
    }

    fn state(&mut self, key: Key, state: NotifyState) -> Option<Alert> {
        let wanted = if self.known.contains(&key) { &self.wanted } else { &self.wanted_before };
        if !wanted.contains(&key) || state == NotifyState::Fault && self.no_faults {
            return None;
        }
        if self.mailed.insert(key.clone(), state) == Some(state) {
            return None;
        }
        let (subject, body) = text(&key, state);
        if matches!(state, NotifyState::Stop | NotifyState::Deleted) {
            self.mailed.remove(&key);
        }
        Some(self.alert(&subject, body))
    }

    fn alert(&self, subject: &str, body: String) -> Alert {
        Alert { subject: format!("[{}] {subject}", self.router_id), body }
    }
}

/// Subject and body for a state.
fn text((kind, name): &Key, state: NotifyState) -> (String, String) {
    let what = match kind {
        SubjectKind::Instance => "Instance",
        SubjectKind::Group => "Group",
    };
    let end = match state {
        NotifyState::Stop => "Stopping".to_owned(),
        NotifyState::Deleted => "Deleted".to_owned(),
        state => format!("Entering {} state", state.word()),
    };
    let body = match (kind, state) {
        (_, NotifyState::Deleted) => "VRRP Deleted at reload".to_owned(),
        (SubjectKind::Instance, NotifyState::Master) => {
            "VRRP Instance is now owning VRRP VIPs".to_owned()
        }
        (SubjectKind::Instance, NotifyState::Stop) => "VRRP Instance stopping".to_owned(),
        (SubjectKind::Instance, NotifyState::Backup | NotifyState::Fault) => {
            "VRRP Instance is no longer owning VRRP VIPs".to_owned()
        }
        (SubjectKind::Group, NotifyState::Stop) => {
            "All VRRP group instances are now stopping".to_owned()
        }
        (SubjectKind::Group, state) => {
            format!("All VRRP group instances are now in {} state", state.word())
        }
    };
    (format!("VRRP {what} {name} - {end}"), format!("=> {body} <="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use NotifyState::{Backup, Deleted, Fault, Master, Stop};
    use SubjectKind::{Group, Instance};
    use model::vrrp::SyncGroup;

    fn setup(groups: &[(&str, bool)], no_faults: bool) -> MonitorSetup {
        let mut setup = MonitorSetup::default();
        setup.identity.host = "host".into();
        setup.global.smtp.no_email_faults = no_faults;
        let group = |(name, smtp_alert): &(&str, bool)| SyncGroup {
            name: (*name).into(),
            smtp_alert: *smtp_alert,
            ..SyncGroup::default()
        };
        setup.vrrp.sync_groups = groups.iter().map(group).collect();
        setup
    }

    fn news(name: &str, state: NotifyState) -> Event {
        let (kind, news) = (Group, News::State(state));
        Event::Vrrp { kind, name: name.into(), priority: 0, news, reason: String::new() }
    }

    fn mailed(alerts: &mut Alerts, name: &str, states: &[NotifyState]) -> Vec<NotifyState> {
        states.iter().filter(|s| alerts.event(&news(name, **s)).is_some()).copied().collect()
    }

    #[test]
    fn every_state_has_its_documented_words() {
        let cases = [
            (Instance, Master, "Entering MASTER state", "VRRP Instance is now owning VRRP VIPs"),
            (
                Instance,
                Backup,
                "Entering BACKUP state",
                "VRRP Instance is no longer owning VRRP VIPs",
            ),
            (
                Instance,
                Fault,
                "Entering FAULT state",
                "VRRP Instance is no longer owning VRRP VIPs",
            ),
            (Instance, Stop, "Stopping", "VRRP Instance stopping"),
            (Instance, Deleted, "Deleted", "VRRP Deleted at reload"),
            (
                Group,
                Master,
                "Entering MASTER state",
                "All VRRP group instances are now in MASTER state",
            ),
            (
                Group,
                Fault,
                "Entering FAULT state",
                "All VRRP group instances are now in FAULT state",
            ),
            (Group, Stop, "Stopping", "All VRRP group instances are now stopping"),
        ];
        for (kind, state, end, body) in cases {
            let word = if kind == Group { "Group" } else { "Instance" };
            let expected = (format!("VRRP {word} X - {end}"), format!("=> {body} <="));
            assert_eq!(text(&(kind, "X".into()), state), expected);
        }
    }

    #[test]
    fn subjects_begin_with_the_router_id_or_the_name_of_the_host() {
        let mut alerts = Alerts::default();
        let mut setup = setup(&[("G", true)], false);
        alerts.configure(&setup);
        let subject = |alerts: &mut Alerts, state| alerts.event(&news("G", state)).unwrap().subject;
        assert_eq!(subject(&mut alerts, Master), "[host] VRRP Group G - Entering MASTER state");
        setup.global.router_id = Some("LAB".into());
        alerts.configure(&setup);
        assert_eq!(subject(&mut alerts, Backup), "[LAB] VRRP Group G - Entering BACKUP state");
        let mail = Event::Mail { subject: "Realserver".into(), body: "=> b <=".into() };
        let expected = Alert { subject: "[LAB] Realserver".into(), body: "=> b <=".into() };
        assert_eq!(alerts.event(&mail), Some(expected));
    }

    #[test]
    fn only_those_that_ask_for_alerts_get_them() {
        let mut alerts = Alerts::default();
        alerts.configure(&setup(&[("yes", true), ("no", false)], false));
        assert_eq!(mailed(&mut alerts, "yes", &[Master]), [Master]);
        assert_eq!(mailed(&mut alerts, "no", &[Master]), []);
        assert_eq!(mailed(&mut alerts, "other", &[Master]), []);
    }

    #[test]
    fn the_same_state_is_not_mailed_twice_in_a_row() {
        let mut alerts = Alerts::default();
        alerts.configure(&setup(&[("G", true)], false));
        let states = [Backup, Backup, Master, Backup, Fault, Fault, Backup];
        let expected = [Backup, Master, Backup, Fault, Backup];
        assert_eq!(mailed(&mut alerts, "G", &states), expected);
        alerts.configure(&setup(&[("G", true)], false));
        assert_eq!(mailed(&mut alerts, "G", &[Backup]), []);
    }

    #[test]
    fn a_fault_that_is_not_mailed_is_not_remembered() {
        let mut alerts = Alerts::default();
        alerts.configure(&setup(&[("G", true)], true));
        assert_eq!(mailed(&mut alerts, "G", &[Backup, Fault, Backup]), [Backup]);
    }

    #[test]
    fn what_a_reload_removes_still_has_its_last_news_and_begins_anew_when_it_is_back() {
        let mut alerts = Alerts::default();
        alerts.configure(&setup(&[("G", true)], false));
        assert_eq!(mailed(&mut alerts, "G", &[Master]), [Master]);
        alerts.configure(&setup(&[], false));
        assert_eq!(mailed(&mut alerts, "G", &[Fault]), [Fault]);
        alerts.configure(&setup(&[], false));
        assert_eq!(mailed(&mut alerts, "G", &[Fault]), []);
        alerts.configure(&setup(&[("G", true)], false));
        assert_eq!(mailed(&mut alerts, "G", &[Fault]), [Fault]);
    }
}
