//! The subject of a token and the service that it is for.

use crate::token::exchange::Answer;
use postroom_core::model::Timestamp;

/// The hosts whose scopes allow SMTP, in all clouds.
const EXCHANGE_HOSTS: &[&str] = &[
    "outlook.office365.com",
    "outlook.office.com",
    "outlook.office365.us",
    "webmail.apps.mil",
    "partner.outlook.cn",
    "ps.outlook.com",
];

/// The hosts of Microsoft Graph, in all clouds.
const GRAPH_HOSTS: &[&str] = &[
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];

/// The subject of a token.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The application itself. Its token gives access to any mailbox.
    Application,
    /// A user. The token gives access to the user's mailbox.
    User(String),
}

/// The service that a token is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// SMTP of Exchange Online.
    Exchange,
    /// Microsoft Graph.
    Graph,
    /// Another service: a token is issued, but SMTP refuses it.
    Other,
}

pub(super) fn resource(scope: &str, subject: &Subject, now: Timestamp) -> Result<Resource, Answer> {
    let invalid = |text: &str| Err(Answer::refusal(400, "invalid_scope", text, now));
    let mut hosts: Vec<&str> = scope
        .split_ascii_whitespace()
        .filter_map(|one| one.strip_prefix("https://")?.split('/').next())
        .collect();
    hosts.dedup();
    let [host] = hosts.as_slice() else {
        return if hosts.is_empty() {
            invalid("AADSTS70011: The provided value for the input parameter 'scope' is not valid.")
        } else {
            Err(Answer::refusal(
                400,
                "invalid_request",
                "AADSTS28000: The input parameter scope contains more than one resource.",
                now,
            ))
        };
    };
    let fits = match subject {
        Subject::Application => scope.ends_with("/.default"),
        Subject::User(_) => scope.contains("/SMTP.Send") || scope.contains("/.default"),
    };
    match (fits, subject) {
        (true, _) if GRAPH_HOSTS.contains(host) => Ok(Resource::Graph),
        (true, _) if EXCHANGE_HOSTS.contains(host) => Ok(Resource::Exchange),
        (true, _) | (false, Subject::User(_)) => Ok(Resource::Other),
        (false, Subject::Application) => invalid(
            "AADSTS1002012: The provided value for scope is not valid. Client credential flows \
            must have a scope value with /.default suffixed to the resource identifier.",
        ),
    }
}
