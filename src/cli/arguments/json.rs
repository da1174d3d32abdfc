//! The argument of commands whose answer can be JSON.

use clap::Args;

#[derive(Args)]
pub(crate) struct JsonArguments {
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(crate) json: bool,
}
