"""Completion in the shell: the command `completion`, and the values that options and arguments suggest.

Months and IDs come from a small file in the user's cache folder, which every listing updates; nothing asks Atlas.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from atlas_invoices._errors import ConfigError

if TYPE_CHECKING:
    Items = list[CompletionItem[str]]

_FILE = "invoices-for-completion"
# For each organization; three years of months.
_MAX_INVOICES = 200
# bash cuts tag:team at the colon, and replaces only what follows; so the words are read from the line, and a suggestion
# loses what comes before. It also inserts suggestions as they are, so blanks in them are quoted here.
_BASH = r"""_atlas_invoices_completion() {
    local line=${COMP_LINE:0:COMP_POINT} quote= before= type value
    case ${COMP_WORDS[COMP_CWORD]} in [\"\']*) quote=open ;; esac
    local word=${line//\\ /$'\1'}
    word=${word##*[[:space:]]}
    if [[ ! $quote && $COMP_WORDBREAKS == *:* && $word == *:* ]]; then
        before=${word%:*}:
        [[ $before == --*=* ]] && before=${before#*=}
        before=${before//$'\1'/ }
    fi
    [[ $line == *[[:space:]] ]] && line+="''"
    COMPREPLY=()
    while IFS=, read -r type value; do
        if [[ ! $type ]]; then
            continue
        elif [[ $type == file ]]; then
            compopt -o default
        else
            value=${value#"$before"}
            [[ $quote || $value != *[!A-Za-z0-9_.,:/=+%@-]* ]] || printf -v value %q "$value"
            COMPREPLY+=("$value")
        fi
    done < <(env COMP_WORDS="$line" COMP_CWORD=-1 _ATLAS_INVOICES_COMPLETE=bash_complete "$1")
}
complete -o nosort -F _atlas_invoices_completion atlas-invoices
"""
_NAMES = {"latest": "the newest that isn't pending", "pending": "the open period"}


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the shell's completion script: commands, options, columns and tags, months, IDs and file names.

    \b
        bash: echo 'eval "$(atlas-invoices completion bash)"' >> ~/.bashrc
        zsh:  echo 'eval "$(atlas-invoices completion zsh)"' >> ~/.zshrc
        fish: mkdir -p ~/.config/fish/completions
              atlas-invoices completion fish > ~/.config/fish/completions/atlas-invoices.fish

    Months and IDs are those that the last `list`, `sync` or `download` saw.
    """
    if shell == "bash":
        script = _BASH
    else:
        from ._main import app

        kind = get_completion_class(shell)
        assert kind is not None  # noqa: S101 - click has both
        script = kind(app, {}, "atlas-invoices", "_ATLAS_INVOICES_COMPLETE").source()
        # fish would cut project,sku at the comma, and sort the newest months last.
        script = script.replace("string split ", "string split --max 1 ")
        script = script.replace("--no-files", "--no-files --keep-order")
        # click suggests only the value of --by=VALUE, and both shells would replace the whole word by it.
        script = script.replace(" -U", ' -U -P "$IPREFIX"')
        script = script.replace("local -a response\n", "local -a response\n    compset -P 1 '--*='\n")
        option = "set -l option (string match --regex -- '^--[^=]*=' (commandline -t));"
        script = script.replace("    set -l response", f"    {option}\n    set -l response")
        script = script.replace("\n    end;\n", "\n    end | string replace --regex -- '^' \"$option\";\n")
        # A new ~/.zshrc has no compinit, which defines compdef.
        compinit = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }"
        script = script.replace("    compdef ", f"    {compinit}\n    compdef ")
    click.echo(script)


def remember(org_id: str, invoices: Iterable[tuple[str, date | None]]) -> None:
    """Keep the IDs and first days of an organization's invoices for completion, if there is a cache folder."""
    with suppress(OSError, ConfigError):
        if path := _path():
            known = _read(path)
            new = {id_: str(first)[:7] if first else "" for id_, first in invoices}
            merged = sorted({**known.get(org_id, {}), **new}.items(), key=lambda each: each[1], reverse=True)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_name(f".{_FILE}.{os.getpid()}")
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps({**known, org_id: dict(merged[:_MAX_INVOICES])}), encoding="utf-8")
            temporary.replace(path)


def _path() -> Path | None:
    from atlas_invoices._cache_folder import user_cache_folder

    folder = user_cache_folder()
    return folder and folder / _FILE


def _read(path: Path) -> dict[str, dict[str, str]]:
    """Return the months by ID of each organization; nothing if the file is missing or isn't ours."""
    with suppress(OSError, ValueError, AttributeError):
        document = json.loads(path.read_bytes())
        return {
            str(org): {str(id_): str(month) for id_, month in invoices.items()} for org, invoices in document.items()
        }
    return {}


def _invoices(ctx: click.Context) -> dict[str, str]:
    """Return the months by ID of the organization that is named, or else of all."""
    from atlas_invoices._credentials import ORG_ID

    path = None
    with suppress(ConfigError):
        path = _path()
    known = _read(path) if path else {}
    org = ctx.params.get("org") or os.environ.get(ORG_ID, "")
    chosen = [known[org]] if org in known else known.values()
    return {id_: month for invoices in chosen for id_, month in invoices.items()}


def complete_months(ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Suggest the months of invoices, the newest first."""
    months = sorted({month for month in _invoices(ctx).values() if month}, reverse=True)
    return _starting(incomplete, dict.fromkeys(months, ""))


def complete_invoices(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Suggest `latest`, `pending` and months; IDs once one is begun."""
    items = _starting(incomplete, _NAMES) + complete_months(ctx, param, incomplete)
    return items or (_starting(incomplete.lower(), _invoices(ctx)) if incomplete else [])


def complete_sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Suggest invoices, and folders and CSVs here; any other file is completed by the shell."""
    paths = {}
    if os.sep not in incomplete:
        with suppress(OSError):
            paths = {each.name: "" for each in sorted(Path().iterdir()) if each.is_dir() or each.suffix == ".csv"}
    visible = {name: text for name, text in paths.items() if incomplete or not name.startswith(".")}
    items = _starting(incomplete, visible)
    return items + complete_invoices(ctx, param, incomplete) or complete_files(ctx, param, incomplete)


def complete_files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Leave it to the shell."""
    return [CompletionItem(incomplete, type="file")]


def complete_by(ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    """Suggest columns to group by, and the tags of the first file that is named before."""
    from atlas_invoices._csv import GROUP_NAMES

    # click leaves the arguments before an option without a value in `args`.
    before, comma, last = incomplete.rpartition(",")
    names = [*GROUP_NAMES, *(f"tag:{tag}" for tag in find_tags(ctx.params.get("sources") or ctx.args) or ())]
    return _starting(incomplete, {f"{before}{comma}{name}": "" for name in names if name.startswith(last)})


def find_tags(sources: Iterable[str]) -> list[str] | None:
    """Return the tags of the first source that is a file or a folder; None without one, or if it can't be read."""
    from atlas_invoices._csv import expand_sources, open_invoice

    with suppress(Exception):  # whatever the file is: its tags are only a suggestion
        for source in sources:
            if Path(source).exists():
                with open_invoice(expand_sources((source,))[0].source, None) as invoice:
                    return [key for key, _ in invoice.layout.tags]
    return None


def _starting(incomplete: str, values: dict[str, str]) -> Items:
    return [CompletionItem(value, help=text or None) for value, text in values.items() if value.startswith(incomplete)]
