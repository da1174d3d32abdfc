//! `postroom manual`: the manual pages and shell completions that packages install, made from the
//! same declarations as the help.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

use super::arguments::Arguments;

/// Writes `man1/postroom.1`, one page for each command, and `bash/`, `zsh/` and `fish/`.
pub(super) fn manual(dir: &Path) -> anyhow::Result<()> {
    let pages = dir.join("man1");
    make(&pages)?;
    let mut command = without_help(Arguments::command());
    command.build();
    write_pages(&command, &pages)?;
    for (shell, name) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let folder = dir.join(name);
        make(&folder)?;
        generate_to(shell, &mut Arguments::command(), "postroom", &folder)
            .with_context(|| format!("{}", folder.display()))?;
    }
    Ok(())
}

/// The command without its `help` commands, which need no pages.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// Writes the page of a command and those of the commands below it, except hidden ones.
fn write_pages(command: &Command, dir: &Path) -> anyhow::Result<()> {
    for below in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        write_pages(below, dir)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = dir.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    fs::write(&file, page).with_context(|| format!("{}", file.display()))
}

fn make(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("{}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_each_shell_its_completion() {
        let dir = tempfile::tempdir().unwrap();
        manual(dir.path()).unwrap();
        let page = |name: &str| fs::read_to_string(dir.path().join("man1").join(name)).unwrap();
        assert!(page("postroom.1").contains("postroom\\-queue(1)"));
        assert!(page("postroom-queue-list.1").contains("postroom\\-queue\\-list"));
        assert!(!dir.path().join("man1/postroom-manual.1").exists(), "a hidden command");
        for file in ["bash/postroom.bash", "zsh/_postroom", "fish/postroom.fish"] {
            let text = fs::read_to_string(dir.path().join(file)).unwrap();
            assert!(text.contains("queue"), "{file}");
        }
    }
}
