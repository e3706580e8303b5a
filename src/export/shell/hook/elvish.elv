set after-chdir = [$@after-chdir {|_| @EVALUATE@ }]
@EVALUATE@
