#!/bin/bash
# Makes the pictures of the README with the program itself: meshes, the full demo, and coarse variants of the cases (25 minutes on 2
# cores). `docs/gallery.sh meshes` makes those of the meshes only (a minute), `docs/gallery.sh mechanisms` those of docs/mechanisms.md (20 minutes),
# `docs/gallery.sh transport` that of docs/transport.md (two minutes).
# `docs/gallery.sh counter_electrodes` those of counter electrodes and the blend, `docs/gallery.sh oxidation` that of cases/oxidation,
# `docs/gallery.sh cracks_3d` that of cracks in three dimensions, `docs/gallery.sh programmes` those of cases/cccv, rate_test, gitt and collector_contact.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
mkdir -p docs/images runs/gallery
mechanisms() {
    for name in base crystals cracks electrons plastic viscous friction all; do
        ./ssbmech run "cases/mechanisms/$name.yaml" -n 2 -o "runs/gallery/$name" --overwrite --set output.report=false
    done
    for name in random radial single; do ./ssbmech run "cases/cracking/$name.yaml" -n 2 -o "runs/gallery/cracking_$name" --overwrite; done
    ./ssbmech run cases/friction/case.yaml -n 2 -o runs/gallery/recontact --overwrite --set output.report=false
    for name in silicon_lpscl lithium_layer pores_lpscl; do ./ssbmech run "cases/$name/case.yaml" -n 2 -o "runs/gallery/$name" --overwrite; done
    cp runs/gallery/silicon_lpscl/report/section_history.png docs/images/silicon.png
    cp runs/gallery/lithium_layer/report/section_history.png docs/images/lithium.png
    cp runs/gallery/pores_lpscl/report/section_history.png docs/images/pores.png
    environment/exec.sh python3 - <<'FIGURES'
from pathlib import Path

import numpy as np

from ssbmech_post import style
from ssbmech_post.readers import read_particles, read_series
from ssbmech_post.side_by_side import side_by_side

made, images = Path("runs/gallery"), Path("docs/images")
titles = {"base": "debonding only", "crystals": "crystals", "cracks": "crystals that crack", "electrons": "cracks cut electrons off",
          "plastic": "plastic electrolyte", "viscous": "electrolyte that creeps", "friction": "friction", "all": "all together"}
style.save(side_by_side([(made / name, title) for name, title in titles.items()], columns=4), images / "mechanisms.png")
with style.publication():
    figure = style.new_figure(6.0, 3.2)
    axes = figure.subplots()
    for name, title in {"random": "random grains", "radial": "radial rods", "single": "one crystal"}.items():
        run = made / f"cracking_{name}"
        series, particles = read_series(run), read_particles(run)
        area = particles.at(int(particles.steps[0]))["volume"].sum()
        cracks = np.nan_to_num(series["grain_boundary_crack_volume"])  # one crystal has no boundaries
        axes.plot(series["time"] / 3600, 100 * cracks / area, label=title)
    axes.set_xlabel("Time (h)")
    axes.set_ylabel("Crack area between grains (%)")
    axes.set_ylim(-0.03, 0.9)  # room for the legend
    axes.legend(loc="upper center", ncols=3)
    style.save(figure, images / "cracking.png")
    rubbing, hours = read_series(made / "recontact"), read_series(made / "recontact")["time"] / 3600
    figure = style.new_figure(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    left.plot(hours, rubbing["open_fraction"], label="open")
    left.plot(hours, rubbing["closed_debonded_fraction"], label="closed again, no bond")
    left.plot(hours, rubbing["active_fraction"], ":", color=style.BLACK, label="conducting")
    left.set_ylabel("Share of the interface")
    left.set_ylim(-0.03, 1.45)  # room for the legend
    right.plot(hours, rubbing["fracture_dissipation"], label="fracture")
    right.plot(hours, rubbing["friction_dissipation"], label="friction")
    right.set_ylabel("Dissipated (pJ per µm of depth)")
    for axes in (left, right):
        axes.set_xlabel("Time (h)")
        axes.legend()
    style.save(figure, images / "recontact.png")
FIGURES
}
# The cracks of docs/mechanisms.md in three dimensions: 50 minutes of processor time.
cracks_3d() {
    for name in random radial single; do
        ./ssbmech run "cases/cracking/${name}_3d.yaml" -n 2 -o "runs/gallery/cracking_${name}_3d" --overwrite --set output.report=false
    done
    environment/exec.sh python3 - <<'FIGURE'
from pathlib import Path

from PIL import Image

from ssbmech_post import style
from ssbmech_post.side_by_side import side_by_side

titles = {"random": "random grains", "radial": "radial rods", "single": "one crystal"}
runs = [(Path(f"runs/gallery/cracking_{name}_3d"), title) for name, title in titles.items()]
picture = Path("docs/images/cracking_3d.png")
style.save(side_by_side(runs), picture)
Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)
FIGURE
}
if [ "${1:-all}" = cracks_3d ]; then cracks_3d && exit; fi
if [ "${1:-all}" = mechanisms ]; then mechanisms && exit; fi
transport() {
    ./ssbmech run cases/transport_ncm811/case.yaml -n 2 -o runs/gallery/pressing --overwrite
    ./ssbmech transport --run runs/gallery/pressing --time "60 s" -o runs/gallery/transport --overwrite --picture
    cp runs/gallery/transport/transport.png docs/images/transport.png
}
if [ "${1:-all}" = transport ]; then transport && exit; fi
counter_electrodes() {
    for name in graphite lto lithium silicon lithium_jig lithium_pressure; do
        ./ssbmech run "cases/counter_electrodes/$name.yaml" -o "runs/gallery/counter_$name" --overwrite --set output.report=false
    done
    ./ssbmech run cases/blend/case.yaml -o runs/gallery/blend --overwrite --set output.report=false
    environment/exec.sh python3 - <<'FIGURES'
from pathlib import Path

import numpy as np

from ssbmech_post import observables, read_particles, read_series, style

made, images = Path("runs/gallery"), Path("docs/images")
series = {name: read_series(made / f"counter_{name}") for name in ("graphite", "lto", "lithium", "silicon", "lithium_jig", "lithium_pressure")}
q = {name: each["areal_capacity"] for name, each in series.items()}
change = {name: each["pressure_change"] for name, each in series.items()}
with style.publication():
    figure = style.new_figure(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.axhline(0.0, color=style.GREY, linewidth=0.8)
        axes.set_xlabel("Areal capacity (mAh/cm²)")
        axes.set_ylabel("ΔP (MPa)")
    for name, text, colour in (("graphite", "NCM811 | graphite", style.BLUE), ("lto", "NCM811 | Li4Ti5O12", style.GREEN)):
        left.plot(q[name], change[name], color=colour, label=text)
    common = q["graphite"][q["graphite"] <= q["lto"].max()]
    left.plot(common, np.interp(common, q["graphite"], change["graphite"]) - np.interp(common, q["lto"], change["lto"]),
              color=style.RED, label="difference: graphite")
    scale = np.interp(common, q["lithium"], change["lithium"] - np.interp(q["lithium"], q["lto"], change["lto"]))
    scale = scale / np.maximum(np.interp(common, q["lithium"], series["lithium"]["rest_thickness_change"]), 1e-12)
    left.plot(common, np.where(common > 0.0, scale, 0.0) * np.interp(common, q["graphite"], series["graphite"]["rest_thickness_change"]),
              ":", color=style.BLACK, label="its thickness / compliance")
    left.legend()
    for name, text, colour in (("lithium", "Li, fixed gap", style.RED), ("lithium_jig", "Li, spring of 1e12 Pa/m", style.ORANGE),
                               ("lithium_pressure", "Li, constant pressure", style.GREY), ("silicon", "Si, fixed gap", style.PURPLE)):
        right.plot(q[name], change[name], color=colour, label=text)
    right.legend()
    style.save(figure, images / "counter_electrodes.png")
style.save(observables.pressiometry(series["graphite"]), images / "pressiometry.png")
blend, particles = read_series(made / "blend"), read_particles(made / "blend")
style.save(observables.voltage_parts(blend), images / "voltage_parts.png")
x, volume = particles.matrix("mean_stoichiometry"), particles.at(int(particles.steps[0]))["volume"]
phases = np.array(particles.at(int(particles.steps[0])).text("phase"))
with style.publication():
    figure = style.new_figure(4.8, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    for phase, colour in (("LiCoO2", style.BLUE), ("NCM811", style.RED)):
        chosen = phases == phase
        upper.plot(blend["specific_capacity"], x[:, chosen] @ volume[chosen] / volume[chosen].sum(), color=colour, label=phase)
    upper.set_ylabel("Mean lithium content x")
    upper.legend()
    lower.axhline(0.0, color=style.GREY, linewidth=0.8)
    lower.plot(blend["specific_capacity"], blend["pressure_change"], color=style.BLACK)
    lower.set_ylabel("ΔP (MPa)")
    lower.set_xlabel("Specific capacity (mAh/g)")
    style.save(figure, images / "blend.png")
FIGURES
}
if [ "${1:-all}" = counter_electrodes ]; then counter_electrodes && exit; fi
oxidation() {
    for name in sulfide halide zero_strain; do
        ./ssbmech run "cases/oxidation/$name.yaml" -o "runs/gallery/oxidation_$name" --overwrite --set output.report=false
    done
    environment/exec.sh python3 - <<'FIGURES'
from pathlib import Path

from ssbmech_post import read_series, style

cases = {"sulfide": "NCM811 | Li6PS5Cl", "halide": "NCM811 | Li3YCl6", "zero_strain": "zero strain | Li6PS5Cl"}
panels = (
    ("pressure_change", 1.0, "Change of stack pressure (MPa)"), ("oxidation_capacity", 1.0, "Charge of oxidation (mAh/g)"),
    ("film_resistance", 1e4, "Film resistance (Ω cm²)"), ("oxidation_opening", 1e3, "Opening by oxidation (nm)"),
)
with style.publication():
    figure = style.new_figure(8.4, 6.0)
    axes = figure.subplots(2, 2).ravel()
    for panel, (column, factor, title) in zip(axes, panels, strict=True):
        for colour, (name, label) in zip((style.BLUE, style.GREEN, style.RED), cases.items(), strict=True):
            series = read_series(Path("runs/gallery") / f"oxidation_{name}")
            panel.plot(series["specific_capacity"], factor * series[column], color=colour, label=label)
        panel.set_xlabel("Charge passed (mAh/g)")
        panel.set_ylabel(title)
    axes[0].legend()
    style.save(figure, Path("docs/images/oxidation.png"))
FIGURES
}
if [ "${1:-all}" = oxidation ]; then oxidation && exit; fi
programmes() {
    for name in cccv rate_test gitt; do ./ssbmech run "cases/$name/case.yaml" -o "runs/gallery/$name" --overwrite; done
    cp runs/gallery/cccv/report/cycles.png docs/images/cccv.png
    cp runs/gallery/rate_test/report/cycles.png docs/images/rate_test.png
    cp runs/gallery/gitt/report/pulses.png docs/images/gitt.png
    for name in titanium carbon; do
        ./ssbmech run "cases/collector_contact/$name.yaml" -o "runs/gallery/$name" --overwrite --set output.report=false
    done
    environment/exec.sh python3 - <<'FIGURE'
from pathlib import Path

from ssbmech_post import read_series, style

with style.publication():
    figure = style.new_figure(4.8, 3.6)
    axes = figure.subplots()
    for name, colour in (("titanium", style.BLUE), ("carbon", style.GREY)):
        series = read_series(Path("runs/gallery") / name)
        pulses = series["current_density"] > 0.0
        resistance = 1e4 * series["contact_overpotential"][pulses] / series["current_density"][pulses]
        axes.loglog(series["pressure"][pulses], resistance, "o-", color=colour, label=name)
    axes.set_xlabel("Stack pressure (MPa)")
    axes.set_ylabel("Contact resistance (Ω cm²)")
    axes.legend()
    style.save(figure, Path("docs/images/collector_contact.png"))
FIGURE
}
if [ "${1:-all}" = programmes ]; then programmes && exit; fi
structure() { ./ssbmech mesh "cases/$1.yaml" -o "runs/gallery/$2.xdmf" --overwrite --set "mesh.microstructure.mesh_size=$3" "${@:4}"; }
structure ncm811_lpscl/case spheres "{interface: 0.5 um, bulk: 1 um, neck: 2}"
structure irregular_ncm811/case irregular "{interface: 0.5 um, bulk: 1 um}"
structure tomography/case tomography "{interface: 0.6 um, bulk: 1.2 um}"
structure section_ncm811/case section "{interface: 0.4 um, bulk: 1 um, neck: 1}"
fine='{interface: 0.35 um, bulk: 1 um}'
structure polycrystal_ncm811/case rods "$fine" --set "mesh.microstructure.particles.NCM811.grains.diameter=1.4 um"
structure polycrystal_ncm811/random random "$fine" --set "mesh.microstructure.particles.NCM811.grains.diameter=1.4 um"
environment/exec.sh python3 - <<'PANELS'
from pathlib import Path

from PIL import Image

from ssbmech_post.mesh_view import panel

made = Path("runs/gallery")
kinds = {"spheres": "touching spheres", "irregular": "irregular particles, carbon, pores", "tomography": "from an image", "section": "plane section"}
panel([(made / f"{name}.xdmf", title, "body") for name, title in kinds.items()], Path("docs/images/structures.png"))
textures = [("rods", "radial rods", "texture"), ("random", "equiaxed grains", "texture"), ("rods", "orientation of c", "orientation")]
panel([(made / f"{name}.xdmf", title, colour) for name, title, colour in textures], Path("docs/images/grains.png"))
for name in ("structures", "grains"):  # 256 colours: a third of the size
    picture = Path(f"docs/images/{name}.png")
    Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)
PANELS
[ "${1:-all}" = meshes ] && exit

./ssbmech materials plot NCM811 -o docs/images/material_NCM811.png

settings=(--set "mesh.microstructure.box=[10 um, 10 um, 10 um]"
    --set "mesh.microstructure.mesh_size={interface: 1.5 um, bulk: 3 um, neck: 6}"
    --set "numerics.time_step={initial: 300 s, maximum: 1200 s}" --set output.report=false)
coarse() { ./ssbmech run "cases/$1.yaml" -n 2 -o "runs/gallery/$2" --overwrite "${settings[@]}"; }

coarse ncm811_lpscl/gap ncm_gap
coarse lco_lpscl/gap lco_gap
coarse ltvo_lpscl/gap ltvo_gap
coarse ncm811_lpscl/p0.5 p0.5
coarse ncm811_lpscl/case p5
coarse ncm811_lpscl/p50 p50

./ssbmech report runs/gallery/{ncm_gap,lco_gap,ltvo_gap} --label NCM811 --label LiCoO2 --label LTVO --compare docs/images/chemistry.png
./ssbmech report runs/gallery/{p0.5,p5,p50} --label "0.5 MPa" --label "5 MPa" --label "50 MPa" --compare docs/images/pressure.png
./ssbmech run cases/ncm811_lpscl/case.yaml -n 2 -o runs/gallery/demo --overwrite
cp runs/gallery/demo/report/{section,interfaces}.png docs/images/
for variant in random case single; do
    ./ssbmech run "cases/polycrystal_ncm811/$variant.yaml" -n 2 -o "runs/gallery/crystal_$variant" --overwrite
done
environment/exec.sh python3 - <<'CRYSTALS'
from PIL import Image

sections = [Image.open(f"runs/gallery/crystal_{name}/report/section.png").convert("RGB") for name in ("random", "case", "single")]
row = Image.new("RGB", (sum(each.width for each in sections), max(each.height for each in sections)), "white")
for number, each in enumerate(sections):
    row.paste(each, (sum(other.width for other in sections[:number]), 0))
row.resize((row.width * 2 // 3, row.height * 2 // 3)).quantize(256).save("docs/images/crystals.png", optimize=True)
CRYSTALS
mechanisms
cracks_3d
transport
counter_electrodes
oxidation
programmes
