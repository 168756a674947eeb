#!/bin/bash
# Makes the pictures of the README with the program itself, from coarse variants of the cases (about ten minutes on 2 cores).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
coarse=(--set "mesh.microstructure.box=[13 um, 13 um, 13 um]"
    --set "mesh.microstructure.mesh_size={interface: 1.5 um, bulk: 3 um, neck: 6}"
    --set "numerics.time_step={initial: 100 s, maximum: 900 s}" --set output.report=false)
run() { ./ssbmech run "cases/$1.yaml" -n 2 -o "runs/gallery/$2" --overwrite "${coarse[@]}"; }

run ncm811_lpscl/gap ncm_gap
run lco_lpscl/gap lco_gap
run ltvo_lpscl/gap ltvo_gap
run ncm811_lpscl/p0.5 p0.5
run ncm811_lpscl/case p5
run ncm811_lpscl/p50 p50

mkdir -p docs/images
./ssbmech report runs/gallery/{ncm_gap,lco_gap,ltvo_gap} --label NCM811 --label LiCoO2 --label LTVO --compare docs/images/chemistry.png
./ssbmech report runs/gallery/{p0.5,p5,p50} --label "0.5 MPa" --label "5 MPa" --label "50 MPa" --compare docs/images/pressure.png
./ssbmech report runs/gallery/p5
cp runs/gallery/p5/report/section.png docs/images/section.png
