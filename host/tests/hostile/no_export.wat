;; load module.abi
;; without ambit_describe
