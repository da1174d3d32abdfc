//! Decides who may log in, begin a message, or relay.

use subtle::ConstantTimeEq;

use crate::{
    Basic, Connector, MailboxSettings, OverRate, SmtpAuth, Unlisted,
    fault::cited,
    tenant::{
        Limit, MAILBOX_LIMIT, Tenant, count,
        mailbox::{Mailbox, without_tag},
    },
    token::Resource,
};
use postroom_core::model::{Address, ReversePath, Secret, Timestamp};

/// The credential of a client.
pub(crate) enum Credential {
    Password(Secret),
    Token(Secret),
}

impl Tenant {
    /// Checks a login. The error is the template of the refusal.
    pub(crate) fn log_in(
        &mut self,
        user: &str,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Address, &'static str> {
        let outcome = self.judge_login(user, credential, now);
        if outcome.is_err() {
            self.state.refused_logins += 1;
        }
        outcome
    }

    fn judge_login(
        &mut self,
        user: &str,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Address, &'static str> {
        let switches = self.settings.switches;
        match switches.smtp_auth {
            SmtpAuth::Enabled => {}
            SmtpAuth::DisabledForTenant => return Err(cited::SMTP_AUTH_TENANT),
            SmtpAuth::DisabledForMailbox => return Err(cited::SMTP_AUTH_MAILBOX),
        }
        let wrong = match credential {
            Credential::Password(_) => cited::WRONG_PASSWORD,
            Credential::Token(_) => cited::AUTH_FAILED,
        };
        match (credential, switches.basic) {
            (Credential::Password(_), Basic::Disabled) => return Err(cited::BASIC_DISABLED),
            (Credential::Password(_), Basic::Retired) => return Err(cited::BASIC_RETIRED),
            (Credential::Password(_), Basic::Enabled) | (Credential::Token(_), _) => {}
        }
        let address: Address = user.parse().map_err(|_not_an_address| wrong)?;
        let key = without_tag(&address);
        let admitted = match self.settings.unlisted {
            Unlisted::Admitted => true,
            Unlisted::Refused => false,
        };
        self.admit_mailbox(&key);
        let minted = match credential {
            Credential::Password(_) => false,
            Credential::Token(token) => self.tokens.is_good(token, Resource::Exchange, &key, now),
        };
        let connections = self.settings.limits.connections;
        let mailbox = self.mailboxes.get_mut(&key).ok_or(wrong)?;
        if !(admitted || minted || is_right(&mailbox.settings, credential)) {
            return Err(wrong);
        }
        mailbox.report.logins += 1;
        let sessions = mailbox.report.sessions.rise();
        if sessions > connections {
            self.violate(
                now,
                Some(&address),
                Limit::Connections,
                count(sessions),
                count(connections),
            );
        }
        Ok(address)
    }

    /// Makes the mailbox of an open sandbox at its first use.
    pub(super) fn admit_mailbox(&mut self, key: &str) {
        let admitted = match self.settings.unlisted {
            Unlisted::Admitted => true,
            Unlisted::Refused => false,
        };
        if admitted
            && !self.mailboxes.contains_key(key)
            && self.mailboxes.len() < MAILBOX_LIMIT
            && let Ok(plain) = key.parse()
        {
            self.mailboxes.insert(key.to_owned(), Mailbox::new(MailboxSettings::new(plain, "")));
        }
    }

    /// Records the end of a logged-in session.
    pub(crate) fn logged_out(&mut self, user: &Address) {
        if let Some(mailbox) = self.mailbox(user) {
            mailbox.report.sessions.fall();
        }
    }

    /// Handles `MAIL FROM` of a logged-in session. The message rate counts this moment.
    pub(crate) fn begin(&mut self, user: &Address, now: Timestamp) -> Result<(), &'static str> {
        let (limit, over_rate) =
            (count(self.settings.limits.messages_per_minute), self.settings.switches.over_rate);
        let Some(mailbox) = self.mailbox(user) else { return Err(cited::NOT_AUTHENTICATED) };
        // Exchange does not count a refused attempt. Otherwise a client that retries at once would
        // stay over the limit for ever.
        let over = mailbox.begun.sum(now) >= limit;
        let refused = over && over_rate == OverRate::Reject;
        let seen = if refused { limit + 1 } else { mailbox.begun.add(now, 1) };
        mailbox.report.begun += u64::from(!refused);
        if over {
            self.violate(now, Some(user), Limit::MessagesPerMinute, seen, limit);
        }
        if refused { Err(cited::RATE) } else { Ok(()) }
    }

    /// Decides on `RCPT TO` on the MX side.
    pub(crate) fn relay(
        &self,
        sender: &ReversePath,
        recipient: &Address,
        client_names: &[String],
    ) -> Result<(), &'static str> {
        let accepted =
            |domain: &str| self.settings.domains.iter().any(|own| own.eq_ignore_ascii_case(domain));
        let own_sender = sender.mailbox().is_some_and(|sender| accepted(sender.domain()));
        let certified = client_names.iter().any(|name| {
            accepted(name) || name.split_once('.').is_some_and(|(_, parent)| accepted(parent))
        });
        let internal = accepted(recipient.domain());
        match self.settings.switches.connector {
            Connector::ByCertificate if certified => Ok(()),
            // Since 2017-07-05, a connector that matches by address relays only for the tenant's
            // own senders.
            Connector::ByAddress if internal || own_sender => Ok(()),
            Connector::ByAddress => Err(cited::ATTR36),
            Connector::Absent | Connector::ByCertificate => {
                if !internal {
                    return Err(cited::RELAY_DENIED);
                }
                if own_sender && self.settings.switches.reject_direct_send {
                    Err(cited::DIRECT_SEND_OFF)
                } else {
                    Ok(())
                }
            }
        }
    }
}

fn is_right(settings: &MailboxSettings, credential: &Credential) -> bool {
    match credential {
        Credential::Password(password) => is_same(password, &settings.password),
        Credential::Token(token) => settings.tokens.iter().any(|known| is_same(token, known)),
    }
}

fn is_same(one: &Secret, other: &Secret) -> bool {
    one.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
}
