"""Pages made from the package itself: physics, registries, public names, command line, schema of a protocol."""

import inspect
import json
from pathlib import Path

import brian_text
import numpy as np
import typer
from pydantic.json_schema import GenerateJsonSchema
from sphinx.errors import ExtensionError

import brianff
from brianff import analysis, equations, protocols
from brianff.cli import app as command_line
from brianff.data.named import SOURCES
from brianff.description.parts import DEVICES, LAWS, NEURONS, SYNAPSES
from brianff.equations import memristor, stdp
from brianff.register import KINDS
from brianff.registry import Registry

FLOORS = {"brianff": brianff, "brianff.equations": equations, "brianff.protocols": protocols}
FLOORS["brianff.analysis"] = analysis


def summary(part) -> str:
    """Return the first line of the docstring of a part, or of its class; empty if it has none of its own."""
    lines = (inspect.getdoc(part) or "").splitlines()
    return lines[0] if lines else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[" ".join(str(cell).split()).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def code(text: str) -> str:
    """Return Brian2 text as a block of code."""
    return f"```text\n{text.strip()}\n```\n"


def mathematics(text) -> str:
    """Return the equations of Brian2 text as displayed mathematics with their units."""
    shown = []
    for latex, unit in brian_text.equations(text):
        words = "" if unit in ("1", "") else rf"\qquad [\mathrm{{{unit}}}]"
        shown.append(f"$$\n{latex}{words}\n$$\n")
    return "\n".join(shown)


def parameters(preset) -> str:
    """Return a table of a preset's parameters."""
    rows = [
        [f"`{name}`", f"${brian_text.symbol(name)}$", f"`{one.value!s}`", one.meaning, one.source or "as the preset"]
        for name, one in preset.parameters.items()
    ]
    return f"{preset.source}\n\n" + table(["name", "symbol", "value", "meaning", "source"], rows)


def neuron_page(name: str, model) -> str:
    """Return the page of a neuron model."""
    text = [f"# Neuron `{name}`\n", mathematics(model.variables)]
    text += ["## The Brian2 text that is simulated\n", code(model.equations)]
    events = [["spike where", f"`{model.threshold}`"], ["at a spike", f"`{model.reset}`" if model.reset else "nothing"]]
    events += [["in each step", f"`{'; '.join(model.update.split(chr(10))).strip('; ')}`"]] if model.update else []
    events += [["at the start", f"`{key} = {value}`"] for key, value in model.initial.items()]
    events += [["activity in", model.activity_unit or "1"]]
    events += [["power turned into heat", f"`{model.dissipated_power}`"]] if model.dissipated_power else []
    text += ["## Events and state\n", table(["what", "Brian2 text"], events)]
    for preset in model.presets.values():
        text += [f"## Preset `{preset.name}`\n", parameters(preset)]
    return "\n".join(text)


def synapses_page() -> str:
    """Return the page of the synaptic currents."""
    text = ["# Synaptic currents\n", "An event moves the *target* by *gain* x weight x amplitude.\n"]
    for name, model in SYNAPSES.items():
        text += [f"## `{name}`\n", mathematics(model.equations)]
        text += [f"Carried out in each step:\n\n{code(model.update)}"] if model.update else []
        text += [f"Sums over the synapses:\n\n{code(model.summed)}"] if model.summed else []
        text += [f"Target `{model.target}`, gain `{model.gain}`.\n"] if not model.analog else []
    return "\n".join(text)


def memristor_page() -> str:
    """Return the page of the volatile memristor; its readable form is compared with the text that is simulated."""
    readable = "((1 - x1)/(1 + exp(-(v - E1 - v_on)/k)) - x1/(1 + exp(-(v_off - v + E1)/k)))/tau"
    simulated = equations.MIF.variables["x1"].expr.code.replace("boltzmann", "exp(v/k)")
    if not brian_text.same(readable, simulated):
        raise ExtensionError("the memristor's equation as it is explained is not the one that is simulated")
    text = (inspect.getdoc(memristor) or "").replace("\n::\n", "\n").split("\n\n")
    source = next(part for part in text if part.startswith("Sources"))
    return "\n".join(
        [
            "# The volatile memristor\n",
            "The state $x$ is the share of a memristor's switches that are on; thermal transitions follow the voltage "
            "$u = v - E$ across it. As it is usually written:\n",
            f"$$\n\\frac{{dx_1}}{{dt}} = {brian_text.latex(readable)}\n$$\n",
            "$$\nG_1 = \\frac{x_1}{R_\\mathrm{on}} + \\frac{1 - x_1}{R_\\mathrm{off}}\n$$\n",
            "What is simulated is the same with one exponential $q = e^{v/k}$ for all memristors of a membrane and one "
            "denominator for both rates. When this site is built, both forms are compared at twenty random states; "
            "a difference stops the build.\n",
            mathematics({one: equations.MIF.variables[one] for one in ("boltzmann", "G1", "x1")}),
            source,
        ]
    )


def stdp_page() -> str:
    """Return the page of STDP, which is there for comparison."""
    return "\n".join(
        [
            "# Spike-timing-dependent plasticity, for comparison\n",
            "Pair-based, with the adaptive neuron that it is used with: see {doc}`/results/equivalence`.\n",
            "## Neuron\n",
            mathematics(stdp.NEURON),
            f"Spike where `{stdp.NEURON_THRESHOLD}`; at a spike `{stdp.NEURON_RESET}`.\n",
            "## Synapse\n",
            mathematics(stdp.STDP),
            f"Presynaptic spike: `{stdp.STDP_PRE}`. Postsynaptic spike: `{stdp.STDP_POST}`.\n",
            "## Parameters\n",
            parameters(stdp.DIEHL_COOK_2015),
        ]
    )


def device_page(name: str, preset) -> str:
    """Return the page of a synaptic device: its law, and those of its parameters that are not absent."""
    set_here = {key: one for key, one in preset.parameters.items() if np.any(np.asarray(one.value) != 0)}
    rows = [
        [f"`{key}`", f"`{one.value!s}`", one.meaning, one.source or "as the preset"] for key, one in set_here.items()
    ]
    return "\n".join(
        [
            f"# Device `{name}`\n",
            f"{preset.source}\n",
            f"Law `{preset.law.name}`: `{preset.law.formula}`, with y the distance from the end of the range that a "
            "pulse starts from. Steps and noises are shares of the range. What is not listed is zero.\n",
            table(["parameter", "value", "meaning", "source"], rows),
        ]
    )


def laws_page() -> str:
    """Return the page of the laws of devices."""
    text = ["# Laws of devices\n", "A law tells by how much one pulse moves a device at a distance y from an end.\n"]
    for name, law in LAWS.items():
        described = law.parameters if isinstance(getattr(law, "parameters", None), dict) else {}
        rows = [[f"`{key}`", one.value, one.meaning, one.range.rule] for key, one in described.items()]
        text += [f"## `{name}`\n", f"`{getattr(law, 'formula', '')}`\n"] if not inspect.isclass(law) else []
        text += [f"## `{name}`\n", f"{summary(law)}\n"] if inspect.isclass(law) else []
        text += [table(["parameter", "default", "meaning", "must"], rows)] if rows else []
    return "\n".join(text)


def goodness_page() -> str:
    """Return the page of the goodness functions."""
    text = [
        "# Goodness functions\n",
        "The goodness of a layer is a pooling of terms $g_j$ of its neurons, each a time average (or the value at the "
        "end, or at the peak) of a density of the neuron's activity $z$. Plasticity needs its derivative: the slope "
        "below times the neuron's sensitivity, averaged over the same time, times the pooling's share.\n",
    ]
    for name, one in KINDS["goodness"].registry.items():
        text += [f"## `{name}`\n", f"`{one.formula}`\n"]
        if not one.counts_spikes:
            text += [
                f"$$\ng(z) = {brian_text.latex(one.density)}\n$$\n",
                f"$$\ng'(z) = {brian_text.latex(one.slope)}\n$$\n",
            ]
        text += [f"Source: {one.source}\n"] if one.source else []
    return "\n".join(text)


def modulators_page() -> str:
    """Return the page of the modulators."""
    text = ["# Modulators\n", "A modulator is $-dL/dG$: the one number that is broadcast to the synapses.\n"]
    for name, one in KINDS["modulator"].registry.items():
        text += [f"## `{name}`\n", f"`{one.formula}`\n", summary(one), "", f"Source: {one.source}\n"]
    return "\n".join(text)


def in_a_line(kind: str, name: str, one) -> str:
    """Return what a part is, in a line."""
    if kind in ("neuron", "synapse"):
        equation = one.equations.strip().splitlines()[0]
        return f"`{equation.partition(' : ')[0]}`"
    if kind == "dataset":
        return SOURCES[name].licence if name in SOURCES else "8 x 8 pixels, comes with scikit-learn"
    formula = "" if inspect.isclass(one) else getattr(one, "formula", "")
    return getattr(one, "source", "") if kind == "device" else formula or summary(one if callable(one) else type(one))


def registries_page() -> str:
    """Return the page with all that is known by name."""
    text = ["# All parts by name\n", "Each kind: {doc}`/how-to/own-part` says what one of your own needs.\n"]
    for kind, known in KINDS.items():
        rows = []
        for name, one in known.registry.items():
            rows.append([f"`{name}`", in_a_line(kind, name, one)])
        text += [f"## {kind.replace('_', ' ')}\n", f"`brianff.register.{kind}`\n", table(["name", "what"], rows)]
    return "\n".join(text)


def command_pages() -> dict[str, str]:
    """Return a page for each command."""
    pages, root = {}, typer.main.get_command(command_line)

    def add(path: list[str], command) -> None:
        rows = []
        for one in command.params:
            names = one.opts if one.param_type_name == "option" else [one.metavar or one.name.upper()]
            rows.append([", ".join(f"`{name}`" for name in names), one.help or ""])
        text = [f"# `{' '.join(path)}`\n", inspect.cleandoc(command.help or "") + "\n"]
        text += [table(["option or argument", "what"], rows)] if rows else []
        pages["-".join(path)] = "\n".join(text)
        for name, below in getattr(command, "commands", {}).items():
            add([*path, name], below)

    for name, command in root.commands.items():
        add(["brianff", name], command)
    return pages


class Schema(GenerateJsonSchema):
    """What pydantic makes of a protocol, with the names of registered parts; other checks of our own take anything."""

    def function_plain_schema(self, schema):
        check = schema["function"]["function"]
        owner = getattr(check, "__self__", None)
        if isinstance(owner, Registry):
            known = {"enum": list(owner)}
            with_parameters = {"type": "object", "properties": {"name": known}, "required": ["name"]}
            return {"title": owner.kind, "anyOf": [known, with_parameters]}
        kinds = {"Whole": "integer", "Real": "number", "Measured": "number", "Characters": "string", "Table": "object"}
        kind = kinds.get(type(check).__name__)
        return {"type": kind} if kind else {}

    def default_schema(self, schema):
        return self.generate_inner(schema["schema"])  # defaults are those that a file would hold: `with_defaults`


def with_defaults(schema: dict, values) -> dict:
    """Return a schema with the values that a protocol has where its file says nothing."""
    if isinstance(values, dict) and "properties" in schema:
        below = {key: with_defaults(one, values.get(key)) for key, one in schema["properties"].items()}
        return {**schema, "properties": below}
    if isinstance(values, list) and values and "properties" in schema.get("items", {}):
        return {**schema, "items": with_defaults(schema["items"], values[0])}
    return {**schema, "default": values}


def protocol_schema() -> dict:
    """Return the JSON Schema of a protocol's file."""
    schema = protocols.Protocol.model_json_schema(schema_generator=Schema)
    return with_defaults(schema, protocols.Protocol().model_dump(mode="json"))


def schema_page(schema: dict) -> str:
    """Return the page of a protocol's fields: each table of the file with its keys, their kinds and defaults."""
    text = [
        "# The protocol file\n",
        "A protocol is a TOML file with these tables; what each field means is on the page of its class. Editors that "
        "complete and check TOML take the same as {download}`JSON Schema <protocol.schema.json>`: put "
        "`#:schema protocol.schema.json` into the first line of a file. The package itself checks more: ranges, units, "
        "and what fits together.\n",
    ]

    def add(path: str, one: dict) -> None:
        rows, tables = [], []
        for key, field in one["properties"].items():
            kinds = [field, *field.get("anyOf", [])]
            choices = ", ".join(f"`{choice}`" for each in kinds for choice in each.get("enum", []))
            types = ", ".join(each["type"].replace("null", "nothing") for each in kinds if "type" in each)
            words = choices or ("see the class" if types in ("", "nothing") else types)
            below = field if "properties" in field else field.get("items", {})
            if "properties" in below:
                tables.append((f"{path}{key}", below))
                continue
            rows.append([f"`{key}`", words, f"`{json.dumps(field.get('default'))}`"])
        text.extend([f"## `{path.rstrip('.') or 'top'}`\n", table(["key", "value", "default"], rows)])
        for name, below in tables:
            add(f"{name}.", below)

    add("", schema)
    return "\n".join(text)


def names_page(floor: str, module) -> str:
    """Return the page of a floor's public names, which leads to a page for each."""
    names = [name for name in dir(module) if not inspect.ismodule(getattr(module, name)) and name != "__version__"]
    listed = "\n".join(f"   {floor}.{name}" for name in names)
    directive = f"```{{eval-rst}}\n.. autosummary::\n   :toctree: api\n   :nosignatures:\n\n{listed}\n```\n"
    return f"# `{floor}`\n\n{(module.__doc__ or '').strip()}\n\n{directive}"


def contents(title: str, intro: str, entries: list[str]) -> str:
    """Return a page that lists others."""
    listed = "\n".join(entries)
    return f"# {title}\n\n{intro}\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"


def write(app) -> None:
    """Write all pages below `generated/`; those that did not change are left as they are."""
    root = Path(app.srcdir, "generated")
    schema = protocol_schema()
    commands, devices = command_pages(), {name: device_page(name, one) for name, one in DEVICES.items()}
    pages = {
        **{f"neuron-{name}": neuron_page(name, one) for name, one in NEURONS.items()},
        **{f"device-{name}": page for name, page in devices.items()},
        **commands,
        **{f"names-{floor}": names_page(floor, module) for floor, module in FLOORS.items()},
        "synapses": synapses_page(),
        "memristor": memristor_page(),
        "stdp": stdp_page(),
        "laws": laws_page(),
        "goodness": goodness_page(),
        "modulators": modulators_page(),
        "registries": registries_page(),
        "schema": schema_page(schema),
        "commands": contents("The command line", "", list(commands)),
        "neurons": contents("Neurons", "The Brian2 text as mathematics.", [f"neuron-{n}" for n in NEURONS]),
        "devices": contents(
            "Synaptic devices", "Presets with their sources.", ["laws", *(f"device-{n}" for n in DEVICES)]
        ),
    }
    files = {f"{name}.md": page for name, page in pages.items()}
    files["protocol.schema.json"] = json.dumps(schema, indent=1)
    # Sphinx has looked for sources before these are there: it is told where public names are listed.
    app.config.autosummary_generate = [f"generated/names-{floor}.md" for floor in FLOORS]
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write, priority=100)  # before autosummary looks for the names
    return {"parallel_read_safe": True}
