//! Turns what happens on a connection into log lines, counters and sightings.

use std::{collections::BTreeSet, net::IpAddr};

use tracing::{debug, info, warn};

use crate::{
    clock::Clock,
    device::{
        CertificateSighting, ClientCertificate, HandshakeSighting, LoginOutcome, LoginSighting,
        MessageSighting, QuirkSighting, RefusalKind, RefusalSighting, Sighting, TlsSighting, Worth,
        certificate_pattern::CertificatePattern,
        identity::standing::Identity,
        observe::{
            log_limit::{Allowance, LogLimit},
            sightings::Sightings,
        },
        policy::{
            device::Device,
            refusal::{LoginRefusal, Refusal},
        },
    },
    metrics::Metrics,
    model::{Address, Dialogue, MessageId, Reply, Timestamp, TlsVersion},
    smtp::Quirk,
};

/// What is known of a connection when it ends.
pub struct Parting<'a> {
    /// The name that the client gave in EHLO or HELO, made printable. Empty if it gave none.
    pub helo: &'a str,
    /// The TLS of the connection, if it was encrypted.
    pub tls: Option<TlsSighting>,
    /// The mechanism that the client asked for last, whether it was offered or not.
    pub mechanism: Option<&'static str>,
    /// Where the client departed from the standards.
    pub quirks: &'a BTreeSet<Quirk>,
    /// What both sides said.
    pub dialogue: Dialogue,
}

/// Records what clients do.
pub(in crate::device) struct Observer {
    pub(in crate::device) sightings: Sightings,
    log_limit: LogLimit,
    clock: Clock,
    metrics: Metrics,
}

impl Observer {
    pub(in crate::device) fn new(clock: Clock, metrics: Metrics) -> Self {
        Self { sightings: Sightings::default(), log_limit: LogLimit::new(), clock, metrics }
    }

    /// The client has connected.
    pub(in crate::device) fn connected(&self, who: &Identity, tls: Option<TlsSighting>) {
        self.note(who, |seen, _now| {
            seen.counts.connections += 1;
            seen.tls = tls;
            seen.certificate = who.certificate.as_deref().map(str::to_owned);
        });
    }

    /// The client, which was `before` until now, has become a device or another device.
    pub(in crate::device) fn changed(
        &self,
        who: &Identity,
        before: &Identity,
        tls: Option<TlsSighting>,
    ) {
        if who.device_name() == before.device_name() {
            return;
        }
        if before.device.is_none() {
            self.sightings.forget_stranger(who.peer);
        }
        self.connected(who, tls);
    }

    /// The client's TLS handshake has failed. `needs` is the `oldest_tls` that would admit the
    /// client, if that is the reason.
    pub(in crate::device) fn handshake_failed(
        &self,
        who: &Identity,
        reason: &str,
        needs: Option<TlsVersion>,
    ) {
        self.note(who, |seen, now| {
            seen.counts.refusals += 1;
            seen.failed_handshake =
                Some(HandshakeSighting { at: now, reason: reason.to_owned(), needs });
        });
    }

    /// The client's TLS handshake was refused, for a reason that the administrator can change.
    pub(in crate::device) fn handshake_refused(
        &self,
        who: &Identity,
        reason: &str,
        needs: Option<TlsVersion>,
    ) {
        let peer = who.peer;
        match (who.device_name(), self.allowance(who)) {
            (Some(device), Allowance::Line { left_out }) => {
                warn!(%device, %peer, %reason, left_out, "handshake refused");
            }
            (Some(_), Allowance::Nothing) => {}
            (None, _) => debug!(%peer, %reason, "handshake refused"),
        }
        self.handshake_failed(who, reason, needs);
    }

    /// The client has shown the certificate of a device.
    pub(in crate::device) fn certificate_known(
        who: &Identity,
        device: &Device,
        entry: &CertificatePattern,
    ) {
        let device = &device.settings.name;
        debug!(%device, peer = %who.peer, certificate = %entry, "known by its certificate");
    }

    /// The client has shown a certificate that belongs to no device.
    pub(in crate::device) fn certificate_unknown(&self, who: &Identity, shown: &ClientCertificate) {
        let (first, fingerprint) = (shown.first_names(), shown.fingerprint);
        let names = first.join(", ");
        let reason = match &shown.worth {
            Worth::Names => {
                "no [[device]] has one of its names, or its fingerprint, in certificates"
            }
            Worth::Fingerprint(reason) | Worth::Nothing(reason) => reason,
        };
        let peer = who.peer;
        match (who.device_name(), self.allowance(who)) {
            (Some(device), Allowance::Line { left_out }) => {
                info!(
                    %device, %peer, names, %fingerprint, reason, left_out,
                    "certificate not known"
                );
            }
            (Some(_), Allowance::Nothing) => {}
            (None, _) => debug!(%peer, names, %fingerprint, reason, "certificate not known"),
        }
        let entry = match shown.worth {
            Worth::Names | Worth::Fingerprint(_) => Some(fingerprint.to_string()),
            Worth::Nothing(_) => None,
        };
        self.note(who, |seen, now| {
            seen.unknown_certificate = Some(CertificateSighting {
                at: now,
                names: first,
                entry,
                reason: reason.to_owned(),
            });
        });
    }

    /// The client has logged in as a user of this device.
    pub(in crate::device) fn logged_in(&self, device: &Device, peer: IpAddr, user: &str) {
        self.metrics.receiving().logins_accepted.inc();
        let now = self.clock.now();
        self.sightings.note(Some(&device.settings.name), peer, now, |seen| {
            seen.good_logins.insert(user.to_owned(), now);
            seen.login = Some(LoginSighting {
                at: now,
                user: Some(user.to_owned()),
                outcome: LoginOutcome::Right,
            });
        });
    }

    /// A login of the client was refused. `user` is the user that it named, if there is one.
    pub(in crate::device) fn login_refused(
        &self,
        who: &Identity,
        cause: LoginRefusal,
        user: Option<&str>,
    ) {
        self.metrics.receiving().logins_refused.inc();
        let outcome = match cause {
            LoginRefusal::Wrong => LoginOutcome::Wrong,
            LoginRefusal::TooMany => LoginOutcome::TooMany,
        };
        self.note(who, |seen, now| {
            seen.login = Some(LoginSighting { at: now, user: user.map(str::to_owned), outcome });
        });
    }

    /// The client was refused something. Returns the reply for it.
    pub(in crate::device) fn refused(&self, who: &Identity, refusal: Refusal) -> Reply {
        let Refusal { kind, about, reply } = refusal;
        if let Some(metric) = kind.metric() {
            self.metrics.receiving().refusals.get_or_create(&metric.into()).inc();
        }
        let peer = who.peer;
        match (who.device_name(), self.allowance(who)) {
            (Some(device), Allowance::Line { left_out }) => match kind {
                RefusalKind::LoginWrong | RefusalKind::LoginTooMany => {
                    // The name is not logged, since people sometimes type their password there.
                    info!(%device, %peer, left_out, "login refused");
                }
                RefusalKind::Stranger
                | RefusalKind::LoginRequired
                | RefusalKind::Sender
                | RefusalKind::Recipient
                | RefusalKind::Encryption
                | RefusalKind::Size
                | RefusalKind::Rate
                | RefusalKind::Connections => {
                    info!(%device, %peer, %reply, left_out, "refused");
                }
            },
            (Some(_), Allowance::Nothing) => {}
            (None, _) => debug!(%peer, %reply, "refused"),
        }
        self.note_refusal(who, kind, about, &reply);
        reply
    }

    /// The client was turned away before it could say anything: there are too many connections.
    pub(in crate::device) fn turned_away(&self, who: &Identity, reply: &Reply) {
        let peer = who.peer;
        let Some(device) = who.device_name() else {
            debug!(%peer, %reply, "connection refused");
            return;
        };
        if let Allowance::Line { left_out } = self.allowance(who) {
            warn!(%device, %peer, %reply, left_out, "connection refused");
        }
        self.note_refusal(who, RefusalKind::Connections, None, reply);
    }

    /// Whether something that a known client has caused may be logged. Strangers are logged at
    /// `debug` only.
    fn allowance(&self, who: &Identity) -> Allowance {
        if who.device.is_some() { self.log_limit.allow(who.peer) } else { Allowance::Nothing }
    }

    /// A message from the client was accepted.
    pub(in crate::device) fn accepted(&self, who: &Identity, id: MessageId, octets: u64) {
        self.note(who, |seen, now| {
            seen.counts.messages += 1;
            seen.counts.octets = seen.counts.octets.saturating_add(octets);
            seen.last_message = Some(MessageSighting { at: now, id, octets });
        });
    }

    /// The client departs from the standards. The first occurrence is logged, unless the client is
    /// a stranger.
    pub(in crate::device) fn quirks(&self, who: &Identity, quirks: &BTreeSet<Quirk>) {
        if !quirks.is_empty() {
            self.note(who, |seen, now| add_quirks(who, seen, quirks, now));
        }
    }

    /// The connection has ended.
    pub(in crate::device) fn parted(&self, who: &Identity, parting: Parting<'_>) {
        let Parting { helo, tls, mechanism, quirks, dialogue } = parting;
        self.note(who, |seen, now| {
            if !helo.is_empty() {
                seen.helo = Some(helo.to_owned());
            }
            if let Some(mechanism) = mechanism {
                seen.mechanism = Some(mechanism.to_owned());
            }
            seen.tls = tls;
            add_quirks(who, seen, quirks, now);
            // The administrator looks for a dialogue with trouble, so the next good one must not
            // replace it.
            let place = if dialogue.trouble.is_some() {
                &mut seen.last_trouble
            } else {
                &mut seen.last_dialogue
            };
            *place = Some(dialogue);
        });
    }

    fn note_refusal(
        &self,
        who: &Identity,
        kind: RefusalKind,
        about: Option<Address>,
        reply: &Reply,
    ) {
        self.note(who, |seen, now| {
            seen.counts.refusals += 1;
            seen.last_refusal =
                Some(RefusalSighting { at: now, kind, about, reply: reply.clone() });
        });
    }

    fn note(&self, who: &Identity, change: impl FnOnce(&mut Sighting, Timestamp)) {
        let now = self.clock.now();
        self.sightings.note(who.device_name(), who.peer, now, |seen| change(seen, now));
    }
}

fn add_quirks(who: &Identity, seen: &mut Sighting, quirks: &BTreeSet<Quirk>, now: Timestamp) {
    for quirk in quirks {
        let known = seen.quirks.get(quirk).map_or(0, |known| known.connections);
        if let (0, Some(device)) = (known, who.device_name()) {
            info!(%device, peer = %who.peer, quirk = quirk.name(), "quirk");
        }
        let sighting = QuirkSighting { connections: known.saturating_add(1), last_seen: now };
        seen.quirks.insert(*quirk, sighting);
    }
}
