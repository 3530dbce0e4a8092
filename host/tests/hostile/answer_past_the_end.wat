;; answer engine.trap
;; the second page ends at 131072
(func (export "ambit_evaluate") (param i32 i32) (result i64) (i64.const 0x0001fff000000011))
