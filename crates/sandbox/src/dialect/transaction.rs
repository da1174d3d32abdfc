//! From `MAIL FROM` to the answer to end of data.

use std::time::Duration;

use crate::{
    Effect, Fault, Stage,
    dialect::{
        accepted::{Accepted, AcceptedRecipient},
        act::{Act, Cut, Leave, Receive},
        dialogue::Dialogue,
        playing::{CUT_AFTER, GARBAGE, Pace, Played, say},
        wording::{About, Role, Wording},
    },
    fault::cited,
    tenant::{Ending, Submission, Tenant, Verdict, count},
    text::TextFacts,
};
use postroom_core::model::{Address, ReversePath, Timestamp};

/// The maximum number of envelope recipients of one transaction at the MX (Microsoft's non-delivery
/// page on 4.5.3).
const MX_RECIPIENT_LIMIT: usize = 200;
/// The parameters of `MAIL FROM` that Exchange Online knows.
const MAIL_PARAMETERS: &[&str] = &["SIZE", "BODY", "RET", "ENVID", "AUTH", "SMTPUTF8"];
/// The parameters of `RCPT TO` that Exchange Online knows.
const RCPT_PARAMETERS: &[&str] = &["NOTIFY", "ORCPT"];
const START_INPUT: &str = "354 Start mail input; end with <CRLF>.<CRLF>\r\n";

/// A transaction in progress.
pub(crate) struct Transaction {
    sender: ReversePath,
    parameters: Vec<String>,
    begun: Timestamp,
    recipients: Vec<AcceptedRecipient>,
    /// The open submission, from `DATA` or the first chunk to the last answer.
    open: Option<Submission>,
}

impl Transaction {
    /// The value that identifies the message before its text is known.
    fn envid(&self) -> &str {
        self.parameters
            .iter()
            .find_map(|parameter| parameter.strip_prefix("ENVID="))
            .unwrap_or_default()
    }

    fn addresses(&self) -> Vec<&Address> {
        self.recipients
            .iter()
            .map(|recipient| &recipient.address)
            .chain(self.sender.mailbox())
            .collect()
    }
}

impl Dialogue {
    pub(crate) fn mail(
        &mut self,
        sender: Option<ReversePath>,
        parameters: Vec<String>,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        if self.helo.is_none() {
            return say("503 5.5.2 Send hello first");
        }
        match (self.wording.role, self.tls, &self.user) {
            (Role::Submission, None, _) => {
                return say("530 5.7.0 Must issue a STARTTLS command first");
            }
            (Role::Submission, Some(_), None) => return self.refuse(cited::NOT_AUTHENTICATED, now),
            (Role::Submission, Some(_), Some(_)) | (Role::Mx, _, _) => {}
        }
        if self.mail.is_some() {
            return say("503 5.5.2 Sender already specified");
        }
        let Some(sender) = sender else { return say("501 5.1.7 Invalid address") };
        if !all_known(&parameters, MAIL_PARAMETERS) {
            return say("501 5.5.4 Unrecognized parameter");
        }
        if declared_size(&parameters) > tenant.limits().announced_size.octets() {
            return say(cited::TOO_LARGE);
        }
        let pace = match self.played(Stage::Mail, sender.mailbox().as_slice(), tenant, now) {
            Played::Instead(acts) => return acts,
            Played::Properly(pace) => pace,
        };
        if let Some(user) = &self.user
            && let Err(refusal) = tenant.begin(user, now)
        {
            let mut acts = self.refuse(refusal, now);
            acts.push(Act::Leave(Leave::Close));
            return acts;
        }
        self.mail = Some(Transaction {
            sender,
            parameters,
            begun: now,
            recipients: Vec::new(),
            open: None,
        });
        pace.say("250 2.1.0 Sender OK\r\n".to_owned())
    }

    pub(crate) fn rcpt(
        &mut self,
        recipient: Option<Address>,
        parameters: Vec<String>,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        let Some(mail) = self.mail.as_ref().filter(|mail| mail.open.is_none()) else {
            return say("503 5.5.2 Need mail command");
        };
        let Some(address) = recipient else { return say("501 5.1.3 Invalid address") };
        if !all_known(&parameters, RCPT_PARAMETERS) {
            return say("501 5.5.4 Unrecognized parameter");
        }
        let limit = match self.wording.role {
            Role::Submission => tenant.limits().recipients_per_message,
            Role::Mx => MX_RECIPIENT_LIMIT,
        };
        if mail.recipients.len() >= limit {
            tenant.too_many_recipients(
                self.user.as_ref(),
                count(mail.recipients.len() + 1),
                count(limit),
                now,
            );
            return say(cited::TOO_MANY_RECIPIENTS);
        }
        let fault = self.strike(Stage::Rcpt, &[&address], mail.envid(), tenant);
        if let Some(acts) =
            fault.as_ref().and_then(|fault| self.instead(fault, &mail.sender.to_string(), now))
        {
            return acts;
        }
        if self.wording.role == Role::Mx
            && let Err(refusal) = tenant.relay(&mail.sender, &address, &self.client_names)
        {
            return self.refuse(refusal, now);
        }
        if let Some(mail) = &mut self.mail {
            mail.recipients.push(AcceptedRecipient { address, parameters });
        }
        Pace::of(fault.as_ref()).say("250 2.1.5 Recipient OK\r\n".to_owned())
    }

    pub(crate) fn data(&mut self, tenant: &mut Tenant, now: Timestamp) -> Vec<Act> {
        let (pace, after) = match self.admit_text(tenant, now) {
            Ok(admitted) => admitted,
            Err(refusal) => return refusal,
        };
        let mut acts = pace.say(START_INPUT.to_owned());
        acts.push(match after {
            AfterStart::Receive(cut) => Act::Receive(Receive::Dotted { cut }),
            AfterStart::Leave => Act::Leave(Leave::Close),
        });
        acts
    }

    pub(crate) fn bdat(
        &mut self,
        octets: u64,
        last: bool,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        let under_way = self.mail.as_ref().is_some_and(|mail| mail.open.is_some());
        if under_way {
            return vec![Act::Receive(Receive::Chunk { octets, last, cut: None })];
        }
        match self.admit_text(tenant, now) {
            // RFC 3030 4.2: the client sends the octets of a chunk even when it is refused.
            Err(refusal) => {
                std::iter::once(Act::Receive(Receive::Swallow { octets })).chain(refusal).collect()
            }
            Ok((_, AfterStart::Leave)) => vec![Act::Leave(Leave::Close)],
            Ok((_, AfterStart::Receive(cut))) => {
                vec![Act::Receive(Receive::Chunk { octets, last, cut })]
            }
        }
    }

    /// The checks that `DATA` and the first chunk share.
    fn admit_text(
        &mut self,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Result<(Pace, AfterStart), Vec<Act>> {
        let Some(mail) = self.mail.as_ref().filter(|mail| mail.open.is_none()) else {
            return Err(say("503 5.5.2 Need mail command"));
        };
        if mail.recipients.is_empty() {
            return Err(say("503 5.5.2 Need rcpt command"));
        }
        let (addresses, sender) = (mail.addresses(), mail.sender.to_string());
        let fault = self.strike(Stage::Data, &addresses, mail.envid(), tenant);
        if let Some(acts) = fault.as_ref().and_then(|fault| self.instead(fault, &sender, now)) {
            return Err(acts);
        }
        let cut = self
            .strike(Stage::Body, &addresses, mail.envid(), tenant)
            .and_then(|fault| self.cut(&fault, &sender, now));
        let open =
            self.user.as_ref().map_or(Submission::Within, |user| tenant.open_submission(user, now));
        if let Some(mail) = &mut self.mail {
            mail.open = Some(open);
        }
        let leaves = fault.as_ref().is_some_and(|fault| fault.effect == Effect::DropAfter354);
        Ok((
            Pace::of(fault.as_ref()),
            if leaves { AfterStart::Leave } else { AfterStart::Receive(cut) },
        ))
    }

    fn cut(&self, fault: &Fault, sender: &str, now: Timestamp) -> Option<Cut> {
        let mut acts = self.instead(fault, sender, now)?;
        // After an answer in the middle of the text, the session cannot continue.
        acts.push(Act::Leave(Leave::Close));
        Some(Cut { after: CUT_AFTER, acts })
    }

    /// Handles a received chunk that is not the last.
    pub(crate) fn chunk_taken(octets: u64) -> Vec<Act> {
        say(&format!("250 2.6.0 CHUNK received OK, {octets} octets"))
    }

    /// Handles the end of the text.
    pub(crate) fn end_of_data(
        &mut self,
        facts: &TextFacts,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        let Some(mail) = &self.mail else { return say("503 5.5.1 Bad sequence of commands") };
        let sender = mail.sender.to_string();
        let message = facts.message_id.clone().unwrap_or_else(|| mail.envid().to_owned());
        let effect = self.strike(Stage::Eod, &mail.addresses(), &message, tenant);
        let mut acts = match effect {
            Some(fault) if is_refusal(&fault.effect) => {
                if let Some(user) = &self.user {
                    tenant.refused_by_fault(user);
                }
                std::iter::once(Act::Lose)
                    .chain(self.instead(&fault, &sender, now).unwrap_or_default())
                    .collect()
            }
            fault => self.decide(&sender, facts, fault.as_ref(), tenant, now),
        };
        let kept = acts.iter().any(|act| matches!(act, Act::Keep(_)));
        if let (Some(message_id), Some(mail)) = (&facts.message_id, &self.mail) {
            let recipients = mail.recipients.iter().map(|recipient| recipient.address.as_str());
            tenant.tried(
                message_id,
                recipients,
                if kept { Ending::Accepted } else { Ending::Refused },
                now,
            );
        }
        // The message is settled after any delay but before the client can see the answer, because
        // its next message may begin at once.
        let end = acts
            .iter()
            .position(|act| matches!(act, Act::Say(_) | Act::Drip(_) | Act::Leave(_)))
            .unwrap_or(acts.len());
        acts.insert(end, Act::Settle);
        acts
    }

    fn decide(
        &mut self,
        sender: &str,
        facts: &TextFacts,
        fault: Option<&Fault>,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        let Some(mail) = &self.mail else { return Vec::new() };
        let place = mail.open.unwrap_or(Submission::Within);
        let verdict = match &self.user {
            Some(user) => tenant.submit(user, sender, mail.recipients.len(), facts, place, now),
            None => tenant.take_in(facts, now),
        };
        let hold = match verdict {
            Verdict::Accept { hold } => hold,
            Verdict::Refuse { text, from } => {
                let user = self.user.as_ref().map(Address::as_str).unwrap_or_default();
                return vec![
                    Act::Lose,
                    Act::Say(self.wording.render(text, About { user, from: &from }, now)),
                ];
            }
        };
        let accepted = self.accepted(mail, sender, facts, tenant, now);
        let (message_id, number) = (accepted.message_id.clone(), tenant.accepted());
        let text = match self.wording.role {
            Role::Submission => Wording::accepted_for_sending(&message_id),
            Role::Mx => Wording::queued_for_delivery(&message_id, number, facts.octets),
        };
        let mut acts = vec![Act::Keep(Box::new(accepted))];
        acts.extend(self.answer(text, hold, fault, tenant));
        acts
    }

    /// The answer to an accepted message, as changed by a fault at end of data.
    fn answer(
        &self,
        text: String,
        hold: Duration,
        fault: Option<&Fault>,
        tenant: &mut Tenant,
    ) -> Vec<Act> {
        let withheld = match fault.map(|fault| &fault.effect) {
            Some(Effect::Drop | Effect::DropLost | Effect::DropAfter354) => Act::Leave(Leave::Cut),
            Some(Effect::Reset) => Act::Leave(Leave::Reset),
            Some(Effect::Silence | Effect::SilenceLost) => Act::Leave(Leave::Silence),
            Some(Effect::Garbage) => Act::Say(GARBAGE.to_owned()),
            Some(Effect::SlowDot) => {
                return vec![Act::Pause(hold.max(self.timing.slow_dot)), Act::Say(text)];
            }
            Some(
                Effect::Slow
                | Effect::Reply(_)
                | Effect::HideStartTls
                | Effect::HideAuth
                | Effect::WrongName
                | Effect::UntrustedIssuer
                | Effect::Expired,
            )
            | None => {
                return std::iter::once(Act::Pause(hold))
                    .chain(Pace::of(fault).say(text))
                    .collect();
            }
        };
        tenant.left_unanswered();
        vec![withheld]
    }

    fn accepted(
        &self,
        mail: &Transaction,
        sender: &str,
        facts: &TextFacts,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Accepted {
        Accepted {
            listener: self.wording.role,
            session: self.wording.session_id.clone(),
            begun: mail.begun,
            received: now,
            helo: self.helo.clone().unwrap_or_default(),
            tls: self.tls,
            user: self.user.clone(),
            sender: sender.to_owned(),
            parameters: mail.parameters.clone(),
            recipients: mail.recipients.clone(),
            octets: facts.octets,
            message_id: facts
                .message_id
                .clone()
                .unwrap_or_else(|| self.wording.own_message_id(tenant.accepted())),
        }
    }

    /// Ends the transaction after its last answer.
    pub(crate) fn settle(&mut self, tenant: &mut Tenant) {
        self.abandon(tenant);
    }

    /// Ends the transaction in progress, if any.
    pub(crate) fn abandon(&mut self, tenant: &mut Tenant) {
        let open = self.mail.take().and_then(|mail| mail.open);
        if let (Some(_), Some(user)) = (open, &self.user) {
            tenant.close_submission(user);
        }
    }

    fn refuse(&self, template: &str, now: Timestamp) -> Vec<Act> {
        vec![Act::Say(self.wording.render(template, About::default(), now))]
    }
}

/// What follows the answer 354.
enum AfterStart {
    Receive(Option<Cut>),
    Leave,
}

/// Whether an effect at end of data means that no message is stored.
const fn is_refusal(effect: &Effect) -> bool {
    match effect {
        Effect::Reply(_) | Effect::DropLost | Effect::SilenceLost => true,
        Effect::Drop
        | Effect::Reset
        | Effect::Silence
        | Effect::Slow
        | Effect::Garbage
        | Effect::DropAfter354
        | Effect::SlowDot
        | Effect::HideStartTls
        | Effect::HideAuth
        | Effect::WrongName
        | Effect::UntrustedIssuer
        | Effect::Expired => false,
    }
}

fn all_known(parameters: &[String], known: &[&str]) -> bool {
    let keyword =
        |parameter: &String| parameter.split('=').next().unwrap_or_default().to_ascii_uppercase();
    parameters.iter().all(|parameter| known.contains(&keyword(parameter).as_str()))
}

fn declared_size(parameters: &[String]) -> u64 {
    let size = parameters.iter().find_map(|parameter| {
        parameter.to_ascii_uppercase().strip_prefix("SIZE=").map(str::to_owned)
    });
    size.and_then(|size| size.parse().ok()).unwrap_or(0)
}
