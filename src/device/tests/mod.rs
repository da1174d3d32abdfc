//! Clients from the outside: what they are taken for, what they may do, and what is remembered.

mod certificates;
mod clients;
mod logins;
mod tls;
