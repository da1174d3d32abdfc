//! Our replies, by name (RFC 5321 4.2.3, RFC 3463). Each says what happened and, where there is one, the next step.

use crate::model::{EnhancedCode, Reply};

/// Disk nearly full, or the spool cannot be written (RFC 5321 4.5.3.1.10: our own trouble is never permanent).
pub const STORAGE_FULL: Reply = Reply::fixed(452, EnhancedCode(4, 3, 1), "Insufficient system storage; try again later");
