#!/bin/bash
# Makes the pictures of the README with the program itself: the full demo, and coarse variants of the cases (20 minutes on 2 cores).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
settings=(--set "mesh.microstructure.box=[13 um, 13 um, 13 um]"
    --set "mesh.microstructure.mesh_size={interface: 1.5 um, bulk: 3 um, neck: 6}"
    --set "numerics.time_step={initial: 300 s, maximum: 1200 s}" --set output.report=false)
coarse() { ./ssbmech run "cases/$1.yaml" -n 2 -o "runs/gallery/$2" --overwrite "${settings[@]}"; }

coarse ncm811_lpscl/gap ncm_gap
coarse lco_lpscl/gap lco_gap
coarse ltvo_lpscl/gap ltvo_gap
coarse ncm811_lpscl/p0.5 p0.5
coarse ncm811_lpscl/case p5
coarse ncm811_lpscl/p50 p50

mkdir -p docs/images
./ssbmech report runs/gallery/{ncm_gap,lco_gap,ltvo_gap} --label NCM811 --label LiCoO2 --label LTVO --compare docs/images/chemistry.png
./ssbmech report runs/gallery/{p0.5,p5,p50} --label "0.5 MPa" --label "5 MPa" --label "50 MPa" --compare docs/images/pressure.png
./ssbmech run cases/ncm811_lpscl/case.yaml -n 2 -o runs/gallery/demo --overwrite
cp runs/gallery/demo/report/{section,interfaces}.png docs/images/
